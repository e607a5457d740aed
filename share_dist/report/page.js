// What every drawing shares: the data block, colours, the grid under all spheres and maps, the tooltip, and one place
// that says which direction the reader points at, so that spheres, maps and scales point together.

const data = JSON.parse(document.getElementById('story').textContent);
const COLUMNS = data.grid.columns, ROWS = data.grid.rows, RADIANS = Math.PI / 180;
const MODELS = ['before', 'after'];
const one = (selector) => document.querySelector(selector);
const all = (selector) => [...document.querySelectorAll(selector)];
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const wrap180 = (degrees) => ((degrees + 180) % 360 + 360) % 360 - 180;
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const withSign = (value, digits = 0) => {
  const text = Math.abs(value).toFixed(digits);
  return Number(text) === 0 ? text : (value < 0 ? '−' : '+') + text;
};

// A colour table of 256 RGB triples as packed little-endian pixels for ImageData, and as CSS colours.
const packed = (table) => Uint32Array.from({ length: 256 }, (_, k) =>
  (255 << 24 | table[3 * k + 2] << 16 | table[3 * k + 1] << 8 | table[3 * k]) >>> 0);
const colourOf = (scale, value) => {
  const k = 3 * stepOf(scale, value);
  return `rgb(${scale.table[k]},${scale.table[k + 1]},${scale.table[k + 2]})`;
};
const stepOf = (scale, value) =>
  Math.round(255 * clamp((value - scale.low) / (scale.high - scale.low), 0, 1));

const scales = { error: { ...data.scale, pixels: packed(data.scale.table) } };
scales.change = { table: data.change.table, pixels: packed(data.change.table), ...changeEnds() };

// Changes are shown on a symmetric scale, so that equal gain and loss have equal strength.
function changeEnds() {
  const { before, after, reachable } = data.grid;
  let most = 10;
  if (before && after) {
    before.forEach((value, k) => {
      if (value !== null && after[k] !== null && (!reachable || reachable[k] >= 0.5)) {
        most = Math.max(most, Math.abs(after[k] - value));
      }
    });
  }
  most = Math.ceil(most / 10) * 10;
  return { low: -most, high: most };
}

if (data.grid.before && data.grid.after) {
  data.grid.change = data.grid.before.map((value, k) =>
    value === null || data.grid.after[k] === null ? null : data.grid.after[k] - value);
}

// Bilinear value of a grid, periodic in azimuth; null where a corner is missing.
function valueAt(grid, azimuth, elevation) {
  const x = (wrap180(azimuth) + 180) / 360 * COLUMNS;
  const y = clamp((90 - elevation) / 180 * (ROWS - 1), 0, ROWS - 1);
  const column = Math.floor(x) % COLUMNS, next = (column + 1) % COLUMNS;
  const row = Math.min(Math.floor(y), ROWS - 2), dx = x - Math.floor(x), dy = y - row;
  const a = grid[row * COLUMNS + column], b = grid[row * COLUMNS + next];
  const c = grid[(row + 1) * COLUMNS + column], d = grid[(row + 1) * COLUMNS + next];
  if (a === null || b === null || c === null || d === null) return null;
  return (a * (1 - dx) + b * dx) * (1 - dy) + (c * (1 - dx) + d * dx) * dy;
}
const canStand = (azimuth, elevation) =>
  !data.grid.reachable || valueAt(data.grid.reachable, azimuth, elevation) >= 0.5;

// A field as colour steps, half a degree a pixel: what sphere and map look up. NOWHERE and HIDDEN are not steps.
const FINE = { width: 720, height: 361 }, NOWHERE = 256, HIDDEN = 257;
function texture(grid, scale) {
  const steps = new Uint16Array(FINE.width * FINE.height);
  for (let row = 0; row < FINE.height; row++) {
    for (let column = 0; column < FINE.width; column++) {
      const azimuth = column / 2 - 180, elevation = 90 - row / 2, value = valueAt(grid, azimuth, elevation);
      steps[row * FINE.width + column] = value === null ? NOWHERE
        : canStand(azimuth, elevation) ? stepOf(scale, value) : HIDDEN;
    }
  }
  return steps;
}

// Stripes are drawn in screen space, so that they look alike everywhere and never like a value.
const grey = (level) => (255 << 24 | (level + 8) << 16 | level << 8 | level) >>> 0;
let greys = [];
const chooseGreys = () => { greys = (isDark() ? [44, 74, 56] : [228, 206, 186]).map(grey); };
chooseGreys();
function pixelOf(step, scale, x, y, stripe) {
  if (step < 256) return scale.pixels[step];
  return step === NOWHERE ? greys[0] : greys[1 + Math.floor((x + y) / stripe) % 2];
}

// Size a canvas to its box and return its context in CSS pixels.
function prepare(canvas) {
  const box = canvas.getBoundingClientRect();
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  const width = Math.max(1, Math.round(box.width)), height = Math.max(1, Math.round(box.height));
  if (canvas.width !== width * ratio || canvas.height !== height * ratio) {
    canvas.width = width * ratio;
    canvas.height = height * ratio;
  }
  const context = canvas.getContext('2d');
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height, ratio };
}

// Where the reader points, or null; every drawing that cares subscribes.
const pointer = {
  at: null,
  listeners: [],
  set(at) {
    pointer.at = at;
    pointer.listeners.forEach((listen) => listen(at));
  },
};

const tip = one('#tip');
function showTip(event, lines) {
  tip.replaceChildren(...lines.map((parts) => {
    const line = document.createElement('p');
    line.append(...[parts].flat());
    return line;
  }));
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${clamp(event.clientX + 16, 6, window.innerWidth - width - 6)}px`;
  const above = event.clientY - height - 14;
  tip.style.top = `${above > 6 ? above : event.clientY + 18}px`;
}
const hideTip = () => { tip.hidden = true; };
function strong(text, kind) {
  const element = document.createElement('b');
  element.textContent = text;
  if (kind) element.className = kind;
  return element;
}

// The tooltip of a direction: where it is, and what either model is expected to do there.
function tellDirection(event, at) {
  const lines = [[`azimuth ${withSign(at.azimuth)}°, elevation ${withSign(at.elevation)}°`]];
  MODELS.forEach((model) => {
    if (!data.grid[model]) return;
    const mean = valueAt(data.grid[model], at.azimuth, at.elevation);
    const deviation = valueAt(data.grid[`${model}Deviation`], at.azimuth, at.elevation);
    const spread = deviation === null ? '' : ` ± ${deviation.toFixed(0)}`;
    lines.push([strong(model, model), mean === null ? ' unknown' : ` ${mean.toFixed(0)}${spread} mm`]);
  });
  const change = data.grid.change && valueAt(data.grid.change, at.azimuth, at.elevation);
  if (typeof change === 'number') lines.push([`change ${withSign(change)} mm`]);
  if (!canStand(at.azimuth, at.elevation)) lines.push(['below the floor: no camera can stand here']);
  showTip(event, lines);
}
