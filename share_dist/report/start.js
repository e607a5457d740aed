// Build what the page has places for, and wire it to mouse, touch, keyboard, size and theme.

function startGlobes() {
  for (const canvas of all('.globe')) {
    if (!data.grid[canvas.dataset.field]) { canvas.closest('figure').remove(); continue; }
    const globe = new Globe(canvas);
    globes.push(globe);
    wireGlobe(globe);
  }
  if (!globes.length) return;
  const places = { front: [0, 0], left: [90, 0], behind: [180, 0], right: [-90, 0], above: [0, 90], below: [0, -90] };
  for (const [name, [azimuth, elevation]] of Object.entries(places)) {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = name;
    button.addEventListener('click', () => turnTo(azimuth, elevation));
    one('#presets').append(button);
  }
  for (const [id, known] of [['#show-regions', data.rounds.some((r) => r.regions.length)], ['#show-views', data.views]]) {
    one(id).addEventListener('change', () => redrawGlobes(false));
    if (known) continue;
    one(id).checked = false;
    one(id).closest('label').hidden = true;
  }
  pointer.listeners.push(() => { redrawGlobes(false); redrawLegends(); });
}

function wireGlobe(globe) {
  const { canvas } = globe;
  let grabbed = null;
  canvas.addEventListener('pointerdown', (event) => {
    grabbed = { x: event.clientX, y: event.clientY };
    canvas.setPointerCapture(event.pointerId);
    pointer.set(null);
    hideTip();
  });
  canvas.addEventListener('pointermove', (event) => {
    if (!grabbed) {
      const at = globe.directionUnder(event);
      pointer.set(at);
      if (at) tellDirection(event, at); else hideTip();
      return;
    }
    const perPixel = 1 / (globe.radius * RADIANS);
    turnTo(view.azimuth - (event.clientX - grabbed.x) * perPixel, view.elevation + (event.clientY - grabbed.y) * perPixel, true);
    grabbed = { x: event.clientX, y: event.clientY };
  });
  for (const name of ['pointerup', 'pointercancel']) canvas.addEventListener(name, () => { grabbed = null; });
  canvas.addEventListener('pointerleave', () => { pointer.set(null); hideTip(); });
  canvas.addEventListener('dblclick', () => turnTo(data.start.azimuth, data.start.elevation));
  canvas.addEventListener('keydown', (event) => {
    const step = { ArrowLeft: [-10, 0], ArrowRight: [10, 0], ArrowUp: [0, 10], ArrowDown: [0, -10] }[event.key];
    if (step) turnTo(view.azimuth + step[0], view.elevation + step[1]);
    if (event.key === 'Home') turnTo(data.start.azimuth, data.start.elevation);
    if (step || event.key === 'Home') event.preventDefault();
  });
}

function redrawLegends() {
  const at = pointer.at;
  const mark = (name, colour) =>
    ({ colour, value: at && data.grid[name] ? valueAt(data.grid[name], at.azimuth, at.elevation) : null });
  if (one('#legend')) {
    drawLegend(one('#legend'), scales.error, 'expected MPJPE, mm', MODELS.map((model) => mark(model, css(`--${model}`))));
  }
  if (one('#change-legend') && data.grid.change) {
    drawLegend(one('#change-legend'), scales.change, 'change in mm: blue is better, orange worse',
      [mark('change', css('--ink'))]);
  }
}

function startMaps() {
  for (const canvas of all('.three-maps .map')) {
    const grid = data.grid[canvas.dataset.field];
    if (!grid) { canvas.closest('figure').remove(); continue; }
    new FlatMap(canvas, grid, canvas.dataset.field === 'change' ? scales.change : scales.error);
  }
  if (!data.grid.change && one('#change-legend')) one('#change-legend').remove();
}

function redrawAll() {
  if (globes.length) redrawGlobes(false);
  mapCharts.forEach((chart) => chart.draw());
  redrawLegends();
  if (one('#charts')) buildCharts(one('#charts'));
}

// After a change of theme nothing painted before is right.
function repaintAll() {
  chooseGreys();
  globes.forEach((globe) => { globe.drawn = ''; });
  mapCharts.forEach((chart) => { chart.painted = false; });
  redrawAll();
}

startGlobes();
startMaps();
if (one('#round-maps')) buildRounds(one('#round-maps'));
redrawAll();

for (const button of all('[data-band]')) {
  button.addEventListener('click', () => {
    band = button.dataset.band;
    all('[data-band]').forEach((other) => other.setAttribute('aria-pressed', other === button));
    buildCharts(one('#charts'));
  });
}
for (const button of all('.where')) {
  if (!globes.length) { button.disabled = true; continue; }
  button.addEventListener('click', () => {
    const at = { azimuth: +button.dataset.azimuth, elevation: +button.dataset.elevation };
    turnTo(at.azimuth, at.elevation);
    pointer.set(at);
    one('#spheres').scrollIntoView({ behavior: 'smooth' });
  });
}
document.addEventListener('theme', repaintAll);
let resized = 0, widthBefore = window.innerWidth;
window.addEventListener('resize', () => {
  // Phones change their height while scrolling; only a new width needs new drawings.
  if (window.innerWidth === widthBefore) return;
  widthBefore = window.innerWidth;
  clearTimeout(resized);
  resized = setTimeout(redrawAll, 120);
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', repaintAll);
document.documentElement.dataset.ready = 'yes';
