// Azimuth × elevation maps in an equal-area layout: across is azimuth, up is the sine of elevation.

const mapCharts = [];
const PAD = { left: 30, right: 4, top: 4, bottom: 20 };

class FlatMap {
  // regions: what to mark; a map listens to the pointer and tells it where the reader points.
  constructor(canvas, grid, scale, regions = []) {
    Object.assign(this, { canvas, scale, regions, texture: texture(grid, scale) });
    this.under = document.createElement('canvas');
    canvas.addEventListener('pointermove', (event) => {
      const at = this.anglesAt(event);
      pointer.set(at);
      if (at) tellDirection(event, at); else hideTip();
    });
    canvas.addEventListener('pointerleave', () => { pointer.set(null); hideTip(); });
    canvas.addEventListener('click', (event) => {
      const at = this.anglesAt(event);
      if (at && globes.length) turnTo(at.azimuth, at.elevation);
    });
    pointer.listeners.push(() => this.draw());
    mapCharts.push(this);
  }

  place(azimuth, elevation) {
    return [
      PAD.left + this.wide * (wrap180(azimuth) + 180) / 360,
      PAD.top + this.tall * (1 - Math.sin(elevation * RADIANS)) / 2,
    ];
  }

  anglesAt(event) {
    const box = this.canvas.getBoundingClientRect();
    const x = (event.clientX - box.left - PAD.left) / this.wide, y = (event.clientY - box.top - PAD.top) / this.tall;
    if (x < 0 || x > 1 || y < 0 || y > 1) return null;
    return { azimuth: x * 360 - 180, elevation: Math.asin(clamp(1 - 2 * y, -1, 1)) / RADIANS };
  }

  paint() {
    const width = Math.round(this.wide * this.ratio), height = Math.round(this.tall * this.ratio);
    if (this.under.width === width && this.under.height === height && this.painted) return;
    this.under.width = width;
    this.under.height = height;
    const context = this.under.getContext('2d'), image = context.createImageData(width, height);
    const out = new Uint32Array(image.data.buffer);
    for (let row = 0; row < height; row++) {
      const sine = clamp(1 - 2 * (row + 0.5) / height, -1, 1);
      const down = Math.round((0.5 - Math.asin(sine) / Math.PI) * 360) * FINE.width;
      for (let column = 0; column < width; column++) {
        const across = Math.floor((column + 0.5) / width * FINE.width) % FINE.width;
        out[row * width + column] =
          pixelOf(this.texture[down + across], this.scale, column, row, 4 * this.ratio);
      }
    }
    context.putImageData(image, 0, 0);
    this.painted = true;
  }

  draw() {
    Object.assign(this, prepare(this.canvas));
    this.wide = this.width - PAD.left - PAD.right;
    this.tall = this.height - PAD.top - PAD.bottom;
    this.paint();
    const { context } = this;
    context.drawImage(this.under, PAD.left, PAD.top, this.wide, this.tall);
    this.frame();
    this.regions.forEach((region, k) => this.region(region, k + 1));
    if (pointer.at) target(context, ...this.place(pointer.at.azimuth, pointer.at.elevation));
  }

  frame() {
    const { context } = this;
    context.font = '11px system-ui, sans-serif';
    context.fillStyle = css('--quiet');
    context.lineWidth = 0.7;
    context.strokeStyle = 'rgba(255,255,255,.25)';
    context.textAlign = 'right';
    context.textBaseline = 'middle';
    for (const elevation of [-90, -30, 0, 30, 60, 90]) {
      const [x, y] = this.place(-180, elevation);
      context.fillText(`${elevation < 0 ? '−' : ''}${Math.abs(elevation)}°`, x - 4, clamp(y, 6, this.height - PAD.bottom - 5));
      if (Math.abs(elevation) < 90) line(context, x, y, x + this.wide, y);
    }
    context.textBaseline = 'top';
    const narrow = this.wide < 240;
    for (const [azimuth, name] of [[-180, 'behind'], [-90, narrow ? 'right' : 'their right'], [0, 'front'],
      [90, narrow ? 'left' : 'their left'], [179.99, 'behind']]) {
      const [x, y] = this.place(azimuth, -90);
      context.textAlign = azimuth === -180 ? 'left' : azimuth > 179 ? 'right' : 'center';
      context.fillText(name, x, y + 5);
      if (Math.abs(azimuth) < 179) line(context, x, PAD.top, x, y);
    }
  }

  region(region, number) {
    const { context } = this;
    context.fillStyle = 'rgba(255,255,255,.6)';
    for (let m = 0; m < region.members.length; m += 2) {
      context.beginPath();
      context.arc(...this.place(region.members[m], region.members[m + 1]), 1.1, 0, 7);
      context.fill();
    }
    const [x, y] = this.place(region.azimuth, region.elevation);
    ring(context, clamp(x, PAD.left + 10, PAD.left + this.wide - 10), clamp(y, PAD.top + 10, PAD.top + this.tall - 10), number, 9);
  }
}

function line(context, x0, y0, x1, y1) {
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
}
