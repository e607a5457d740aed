// The regions of each round: a map of that round's landscape with its regions, and the list of them under it.

function buildRounds(host) {
  const shown = new Set();
  for (const round of data.rounds) {
    // Further attempts at a round aim at the same regions at a shorter step.
    if (!round.regions.length || shown.has(round.round)) continue;
    shown.add(round.round);
    const attempts = data.rounds.filter((other) => other.round === round.round);
    const figure = document.createElement('figure'), caption = document.createElement('figcaption');
    caption.textContent = `round ${round.round}`;
    if (!round.accepted) {
      const note = document.createElement('small'), kept = attempts.find((other) => other.accepted);
      note.textContent = kept ? ` (accepted at attempt ${kept.attempt})` : ' (rejected afterwards)';
      caption.append(note);
    }
    figure.append(caption);
    host.append(figure);
    // A round told without its landscape is drawn over nothing rather than over another round's.
    const canvas = document.createElement('canvas');
    canvas.className = 'map';
    figure.append(canvas, regionList(round.regions));
    new FlatMap(canvas, round.mean || new Array(COLUMNS * ROWS).fill(null), scales.error, round.regions);
  }
}

function regionList(regions) {
  const list = document.createElement('ol');
  list.className = 'region-list';
  regions.forEach((region, k) => {
    const item = document.createElement('li'), number = document.createElement('b');
    number.textContent = k + 1;
    const where = document.createElement('span'), size = document.createElement('span');
    where.textContent = `elevation ${withSign(region.elevation)}°, azimuth ${withSign(region.azimuth)}°, `
      + `${region.distance.toFixed(1)} m: peak ${region.peak.toFixed(0)}, mean ${region.mean.toFixed(0)} mm`;
    const bar = document.createElement('i');
    bar.className = 'massbar';
    bar.style.width = `${Math.max(1, 60 * region.mass)}px`;
    size.append(bar, ` ${(100 * region.mass).toFixed(0)} %`);
    item.title = 'peak and mean of the expected error; the bar is its share of the excess error';
    item.append(number, where, size);
    list.append(item);
  });
  return list;
}
