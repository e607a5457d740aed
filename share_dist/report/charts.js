// Curves of error, drawn as SVG at the size they are shown so that type keeps its size on a phone.

const svgns = 'http://www.w3.org/2000/svg';
let band = 'error';
const MARGIN = { left: 40, right: 12, top: 26, bottom: 38 };

function shape(parent, name, attributes, text) {
  const element = document.createElementNS(svgns, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
}

// How each curve lays out its axis: place of a value in [0, 1], ticks and their names.
const AXES = {
  elevation: { title: 'by elevation of the camera', ticks: [-60, -30, 0, 30, 60, 90], name: (v) => `${v < 0 ? '−' : ''}${Math.abs(v)}°` },
  azimuth: {
    title: 'by azimuth: all the way round the person', ticks: [-180, -90, 0, 90, 180],
    name: (v) => ({ '-180': 'behind', '-90': 'their right', 0: 'front', 90: 'their left', 180: 'behind' })[v],
  },
  distance: { title: 'by distance', ticks: [0.5, 0.7, 1, 1.5, 2, 3, 4, 6, 8], name: (v) => `${v} m`, log: true },
  tail: { title: 'every judge view, from best to worst', ticks: [0, 25, 50, 75, 100], name: (v) => `${v} %` },
};

function buildCharts(host) {
  const series = (data.curves || []).map(binned);
  if (data.tail && data.tail.before.length) {
    series.push({ name: 'tail', x: data.tail.before.map((_, k) => k), low: 0, high: 100, before: data.tail.before, after: data.tail.after });
  }
  host.replaceChildren();
  for (const curve of series) {
    const figure = document.createElement('figure'), caption = document.createElement('figcaption');
    caption.textContent = AXES[curve.name].title;
    figure.append(caption);
    host.append(figure);
    drawChart(figure, curve);
  }
}

// Bins to points: x at each bin's middle; y, and the band's two ends.
function binned(curve) {
  const { edges } = curve, log = AXES[curve.name].log;
  const middle = (a, b) => (log ? Math.sqrt(a * b) : (a + b) / 2);
  const out = {
    name: curve.name, views: curve.views, edges, low: edges[0], high: edges[edges.length - 1],
    x: curve.views.map((_, k) => middle(edges[k], edges[k + 1])),
  };
  for (const model of MODELS) {
    out[model] = curve[model].map((bin) => bin && bin[0]);
    out[`${model}Band`] = curve[model].map((bin) => bin
      && (band === 'error' ? [bin[0] - 2 * bin[1], bin[0] + 2 * bin[1]] : [bin[2], bin[3]]));
  }
  return out.name === 'azimuth' ? goRound(out) : out;
}

// Azimuth has no ends: the first bin comes again after the last, the last before the first.
function goRound(curve) {
  const last = curve.x.length - 1;
  const again = (list) => list && [list[last], ...list, list[0]];
  const out = { ...curve, x: [curve.x[last] - 360, ...curve.x, curve.x[0] + 360] };
  for (const key of ['views', ...MODELS, ...MODELS.map((model) => `${model}Band`)]) out[key] = again(curve[key]);
  return out;
}

function drawChart(figure, curve) {
  const width = Math.max(260, figure.getBoundingClientRect().width), height = 250, axis = AXES[curve.name];
  const svg = shape(figure, 'svg', { viewBox: `0 0 ${width} ${height}`, height, role: 'img', 'aria-label': `error ${axis.title}` });
  svg.dataset.curve = curve.name;
  const warp = axis.log ? Math.log : (v) => v;
  const wide = width - MARGIN.left - MARGIN.right, tall = height - MARGIN.top - MARGIN.bottom;
  const across = (v) => MARGIN.left + wide * (warp(v) - warp(curve.low)) / (warp(curve.high) - warp(curve.low));
  const top = highest(curve), up = (v) => MARGIN.top + tall * (1 - v / top);
  for (const value of niceTicks(0, top, 5)) {
    shape(svg, 'line', { class: 'grid', x1: MARGIN.left, x2: width - MARGIN.right, y1: up(value), y2: up(value) });
    shape(svg, 'text', { x: MARGIN.left - 6, y: up(value) + 4, 'text-anchor': 'end' }, value);
  }
  shape(svg, 'text', { x: 0, y: 12 }, 'MPJPE, mm');
  for (const value of axis.ticks.filter((tick) => tick >= curve.low - 1e-6 && tick <= curve.high + 1e-6)) {
    const anchor = across(value) < MARGIN.left + 14 ? 'start' : across(value) > width - 26 ? 'end' : 'middle';
    shape(svg, 'text', { x: across(value), y: height - MARGIN.bottom + 17, 'text-anchor': anchor }, axis.name(value));
    shape(svg, 'line', { class: 'grid', x1: across(value), x2: across(value), y1: up(0), y2: up(0) + 4 });
  }
  const id = `inside-${curve.name}`;
  const inside = shape(shape(svg, 'defs', {}), 'clipPath', { id });
  shape(inside, 'rect', { x: MARGIN.left, y: 0, width: wide, height: height - MARGIN.bottom });
  const drawing = shape(svg, 'g', { 'clip-path': `url(#${id})` });
  MODELS.forEach((model) => drawBand(drawing, curve, model, across, up));
  MODELS.forEach((model) => drawLine(drawing, curve, model, across, up));
  nameLines(svg, curve, across, up, width);
  listen(svg, curve, across, up, { width, height, low: curve.low, high: curve.high, warp, wide });
}

function highest(curve) {
  const values = MODELS.flatMap((model) => [
    ...curve[model].filter((v) => v !== null),
    ...(curve[`${model}Band`] || []).filter(Boolean).map((ends) => ends[1]),
  ]);
  return Math.max(10, ...values) * 1.04;
}

// Runs of neighbouring points that exist, so that a line never bridges a gap in the data.
function runs(curve, model) {
  const out = [[]];
  curve[model].forEach((value, k) => {
    if (value === null) out.push([]); else out[out.length - 1].push(k);
  });
  return out.filter((run) => run.length);
}

function drawBand(svg, curve, model, across, up) {
  const ends = curve[`${model}Band`];
  if (!ends) return;
  for (const run of runs(curve, model)) {
    const upper = run.map((k) => `${across(curve.x[k])},${up(ends[k][1])}`);
    const lower = run.map((k) => `${across(curve.x[k])},${up(Math.max(0, ends[k][0]))}`).reverse();
    shape(svg, 'polygon', { class: `band ${model}`, points: [...upper, ...lower].join(' ') });
  }
}

function drawLine(svg, curve, model, across, up) {
  for (const run of runs(curve, model)) {
    const points = run.map((k) => `${across(curve.x[k])},${up(curve[model][k])}`).join(' ');
    shape(svg, 'polyline', { class: `line ${model}`, points });
  }
}

// Names stand at the lines themselves, where the two are farthest apart.
function nameLines(svg, curve, across, up, width) {
  const both = curve.x.map((x, k) => k).filter((k) => curve.before[k] !== null && curve.after[k] !== null
    && across(curve.x[k]) > MARGIN.left + 26 && across(curve.x[k]) < width - 46);
  if (!both.length) return;
  const gap = (k) => Math.abs(curve.before[k] - curve.after[k]);
  const best = both.reduce((a, b) => (gap(b) > gap(a) ? b : a));
  const higher = curve.before[best] >= curve.after[best] ? 'before' : 'after';
  for (const model of MODELS) {
    const ends = (curve[`${model}Band`] || [])[best] || [curve[model][best], curve[model][best]];
    const y = model === higher ? up(ends[1]) - 6 : up(Math.max(0, ends[0])) + 15;
    // The tail climbs steeply to the right: there a name stands on the free side of its line.
    const anchor = curve.name !== 'tail' ? 'middle' : model === higher ? 'end' : 'start';
    shape(svg, 'text', { class: `name ${model}`, x: across(curve.x[best]), y, 'text-anchor': anchor }, model);
  }
}

function listen(svg, curve, across, up, { width, height, low, high, warp, wide }) {
  const cursor = shape(svg, 'line', { class: 'cursor', y1: MARGIN.top, y2: height - MARGIN.bottom, visibility: 'hidden' });
  const dots = Object.fromEntries(MODELS.map((model) =>
    [model, shape(svg, 'circle', { class: `dot ${model}`, r: 4, visibility: 'hidden' })]));
  shape(svg, 'rect', { x: 0, y: 0, width, height, fill: 'transparent' });
  svg.addEventListener('pointermove', (event) => {
    const box = svg.getBoundingClientRect(), share = ((event.clientX - box.left) * width / box.width - MARGIN.left) / wide;
    const at = warp(low) + clamp(share, 0, 1) * (warp(high) - warp(low));
    const k = curve.x.reduce((best, x, index) =>
      (Math.abs(warp(x) - at) < Math.abs(warp(curve.x[best]) - at) ? index : best), 0);
    cursor.setAttribute('visibility', 'visible');
    cursor.setAttribute('x1', across(curve.x[k]));
    cursor.setAttribute('x2', across(curve.x[k]));
    for (const model of MODELS) {
      const value = curve[model][k];
      dots[model].setAttribute('visibility', value === null ? 'hidden' : 'visible');
      if (value === null) continue;
      dots[model].setAttribute('cx', across(curve.x[k]));
      dots[model].setAttribute('cy', up(value));
    }
    showTip(event, tellBin(curve, k));
  });
  svg.addEventListener('pointerleave', () => {
    [cursor, ...Object.values(dots)].forEach((element) => element.setAttribute('visibility', 'hidden'));
    hideTip();
  });
}

function tellBin(curve, k) {
  const x = curve.x[k];
  const where = {
    azimuth: `azimuth about ${withSign(wrap180(x))}°`, elevation: `elevation about ${withSign(x)}°`,
    distance: `about ${x.toFixed(1)} m`, tail: `${x.toFixed(0)} % of views are better than`,
  }[curve.name];
  const lines = [[curve.views ? `${where}, ${curve.views[k]} views` : where]];
  for (const model of MODELS) {
    const ends = (curve[`${model}Band`] || [])[k], value = curve[model][k];
    if (value === null) continue;
    const spread = ends ? `  (${ends[0].toFixed(0)}–${ends[1].toFixed(0)})` : '';
    lines.push([strong(model, model), ` ${value.toFixed(0)} mm${spread}`]);
  }
  return lines;
}
