// Two spheres turned as one. Every pixel of a disc is a direction; its colour is looked up without light or shade,
// because shading would change what the scale means.

const view = { azimuth: data.start.azimuth, elevation: data.start.elevation };
const globes = [];

function axesOf({ azimuth, elevation }) {
  const a = azimuth * RADIANS, e = elevation * RADIANS;
  const toward = [Math.cos(e) * Math.sin(a), Math.sin(e), Math.cos(e) * Math.cos(a)];
  const right = [Math.cos(a), 0, -Math.sin(a)];
  const up = [toward[1] * right[2], toward[2] * right[0] - toward[0] * right[2], -toward[1] * right[0]];
  return { right, up, toward };
}
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
function directionOf(azimuth, elevation) {
  return axesOf({ azimuth, elevation }).toward;
}
const anglesOf = ([x, y, z]) =>
  ({ azimuth: Math.atan2(x, z) / RADIANS, elevation: Math.asin(clamp(y, -1, 1)) / RADIANS });

class Globe {
  constructor(canvas) {
    this.canvas = canvas;
    this.model = canvas.dataset.field;
    this.texture = texture(data.grid[this.model], scales.error);
    this.under = document.createElement('canvas');
    canvas.dataset.points = data.points;
  }

  measure() {
    Object.assign(this, prepare(this.canvas));
    this.radius = Math.min(this.width, this.height) / 2 - (this.width < 240 ? 12 : 22);
    this.centre = this.width / 2;
  }

  draw(coarse) {
    this.measure();
    this.axes = axesOf(view);
    this.paint(coarse ? 1 : this.ratio);
    const { context } = this;
    context.save();
    context.beginPath();
    context.arc(this.centre, this.centre, this.radius, 0, 7);
    context.clip();
    context.drawImage(this.under, this.centre - this.side / 2, this.centre - this.side / 2, this.side, this.side);
    this.graticule();
    if (one('#show-views').checked) this.views();
    if (one('#show-regions').checked) this.regions();
    drawPerson(context, this.centre, this.centre, this.radius * 0.6, this.axes);
    context.restore();
    this.rim();
    this.labels();
    if (pointer.at) this.cross(pointer.at);
  }

  // Colour every pixel of the disc into an image of its own, a little larger than the disc so its edge is clean.
  paint(ratio) {
    const side = Math.round((2 * this.radius + 4) * ratio), { right, up, toward } = this.axes;
    const drawn = `${side} ${view.azimuth} ${view.elevation}`;
    if (this.drawn === drawn) return;
    this.drawn = drawn;
    this.side = side / ratio;
    this.under.width = this.under.height = side;
    const context = this.under.getContext('2d'), image = context.createImageData(side, side);
    const out = new Uint32Array(image.data.buffer), scale = 1 / (this.radius * ratio), half = side / 2;
    for (let row = 0; row < side; row++) {
      const y = (half - row - 0.5) * scale;
      for (let column = 0; column < side; column++) {
        const x = (column + 0.5 - half) * scale, square = x * x + y * y;
        if (square > 1.03) continue;
        const z = Math.sqrt(Math.max(0, 1 - square));
        const dx = x * right[0] + y * up[0] + z * toward[0];
        const dy = y * up[1] + z * toward[1];
        const dz = x * right[2] + y * up[2] + z * toward[2];
        const across = Math.round((Math.atan2(dx, dz) / Math.PI + 1) * 360) % FINE.width;
        const down = Math.round((0.5 - Math.asin(clamp(dy, -1, 1)) / Math.PI) * 360);
        out[row * side + column] =
          pixelOf(this.texture[down * FINE.width + across], scales.error, column, row, 4 * ratio);
      }
    }
    context.putImageData(image, 0, 0);
  }

  // Screen place of a direction; depth is positive on the side that faces the reader.
  place(direction) {
    const x = dot(direction, this.axes.right), y = dot(direction, this.axes.up);
    return { x: this.centre + this.radius * x, y: this.centre - this.radius * y, depth: dot(direction, this.axes.toward) };
  }

  curve(points) {
    const { context } = this;
    context.beginPath();
    let drawing = false;
    for (const point of points) {
      const at = this.place(point);
      if (at.depth > 0) context[drawing ? 'lineTo' : 'moveTo'](at.x, at.y);
      drawing = at.depth > 0;
    }
    context.stroke();
  }

  graticule() {
    const { context } = this, round = Array.from({ length: 91 }, (_, k) => k * 4 - 180);
    context.strokeStyle = 'rgba(255,255,255,.22)';
    for (const elevation of [-60, -30, 0, 30, 60]) {
      context.lineWidth = elevation === 0 ? 1.6 : 0.7;
      this.curve(round.map((azimuth) => directionOf(azimuth, elevation)));
    }
    context.lineWidth = 0.7;
    for (let azimuth = -180; azimuth < 180; azimuth += 30) {
      this.curve(round.filter((e) => Math.abs(e) <= 84).map((elevation) => directionOf(azimuth, elevation)));
    }
  }

  // Dark colours must not melt into a dark page.
  rim() {
    this.context.strokeStyle = css('--grid');
    this.context.lineWidth = 1;
    this.context.beginPath();
    this.context.arc(this.centre, this.centre, this.radius, 0, 7);
    this.context.stroke();
  }

  labels() {
    const { context } = this, size = this.width < 240 ? 10 : 13;
    context.font = `600 ${size}px system-ui, sans-serif`;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    const names = { front: [0, 0], 'their left': [90, 0], behind: [180, 0], 'their right': [-90, 0], above: [0, 90], below: [0, -90] };
    for (const [name, [azimuth, elevation]] of Object.entries(names)) {
      const at = this.place(directionOf(azimuth, elevation));
      // In the middle a label would cover the person, and says only what the person already shows.
      if (at.depth < -0.05 || at.depth > 0.93) continue;
      const wide = context.measureText(name).width / 2 + 3;
      halo(context, name, clamp(at.x, wide, this.width - wide), clamp(at.y, 9, this.height - 9));
    }
  }

  regions() {
    const { context } = this, first = data.rounds.find((round) => round.regions.length);
    (first ? first.regions : []).forEach((region, k) => {
      context.fillStyle = 'rgba(255,255,255,.55)';
      for (let m = 0; m < region.members.length; m += 2) {
        this.spot(directionOf(region.members[m], region.members[m + 1]), 1.1);
      }
      const at = this.place(directionOf(region.azimuth, region.elevation));
      if (at.depth > 0) ring(context, at.x, at.y, k + 1, this.width < 240 ? 8 : 11);
    });
  }

  views() {
    const { azimuth, elevation } = data.views || { azimuth: [] }, errors = data.views && data.views[this.model];
    azimuth.forEach((value, k) => {
      if (errors[k] === null) return;
      this.context.fillStyle = colourOf(scales.error, errors[k]);
      this.spot(directionOf(value, elevation[k]), 2.6, true);
    });
  }

  spot(direction, size, edged) {
    const at = this.place(direction);
    if (at.depth <= 0.02) return;
    this.context.beginPath();
    this.context.arc(at.x, at.y, size, 0, 7);
    this.context.fill();
    if (!edged) return;
    this.context.strokeStyle = 'rgba(255,255,255,.8)';
    this.context.lineWidth = 0.6;
    this.context.stroke();
  }

  cross(at) {
    const place = this.place(directionOf(at.azimuth, at.elevation));
    if (place.depth <= 0) return;
    target(this.context, place.x, place.y);
  }

  // The direction under a pointer event, or null beside the disc.
  directionUnder(event) {
    const box = this.canvas.getBoundingClientRect();
    const x = (event.clientX - box.left - this.centre) / this.radius;
    const y = (this.centre - event.clientY + box.top) / this.radius, square = x * x + y * y;
    if (square > 1) return null;
    const z = Math.sqrt(1 - square), { right, up, toward } = this.axes;
    return anglesOf([0, 1, 2].map((k) => x * right[k] + y * up[k] + z * toward[k]));
  }
}

let asked = 0, settled = 0;
// Draw both spheres at the next frame; coarse while they move, sharp when they rest.
function redrawGlobes(moving) {
  cancelAnimationFrame(asked);
  clearTimeout(settled);
  asked = requestAnimationFrame(() => {
    globes.forEach((globe) => globe.draw(moving));
    globes.forEach(({ canvas }) => {
      canvas.dataset.azimuth = view.azimuth.toFixed(1);
      canvas.dataset.elevation = view.elevation.toFixed(1);
    });
    const { azimuth, elevation } = view;
    one('#looking').textContent = `seen from azimuth ${withSign(azimuth)}°, elevation ${withSign(elevation)}°`;
  });
  if (moving) settled = setTimeout(() => redrawGlobes(false), 140);
}

function turnTo(azimuth, elevation, moving = false) {
  view.azimuth = wrap180(azimuth);
  view.elevation = clamp(elevation, -90, 90);
  redrawGlobes(moving);
}
