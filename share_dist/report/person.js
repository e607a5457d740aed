// Small signs drawn on spheres and maps: the person in the middle, numbered rings, the pointer's target.

// The person as white limbs with a dark edge, far ones first; centre in CSS pixels, `tall` the person's height.
function drawPerson(context, x, y, tall, axes) {
  const parts = data.limbs.map((limb) => {
    const start = limb.slice(0, 3), end = limb.slice(3, 6);
    const ends = [start, end].map((point) => [x + tall * dot(point, axes.right), y - tall * dot(point, axes.up)]);
    return { ends, nose: limb === data.limbs[data.limbs.length - 1], radius: limb[6] * tall, depth: Math.max(dot(start, axes.toward), dot(end, axes.toward)) };
  }).sort((a, b) => a.depth - b.depth);
  context.lineCap = 'round';
  const limb = ({ ends, radius }, edge, colour) => {
    context.strokeStyle = colour;
    context.lineWidth = 2 * radius + 2 * edge;
    context.beginPath();
    context.moveTo(...ends[0]);
    // A limb seen end on has no length; a hair's breadth makes the round cap appear.
    context.lineTo(ends[1][0] + 0.01, ends[1][1]);
    context.stroke();
  };
  // A dark edge around the whole, then limbs by depth with a lighter edge each, so that one sees what is in front.
  parts.forEach((part) => limb(part, 1.8, 'rgb(20,16,30)'));
  parts.forEach((part) => {
    limb(part, 0.6, 'rgb(120,114,134)');
    limb(part, 0, part.nose ? 'rgb(20,16,30)' : '#fff');
  });
}

// Text that is readable on any colour.
function halo(context, text, x, y) {
  context.lineJoin = 'round';
  context.lineWidth = 3.5;
  context.strokeStyle = 'rgba(20,16,30,.85)';
  context.strokeText(text, x, y);
  context.fillStyle = '#fff';
  context.fillText(text, x, y);
}

// A region's number in a ring around its peak.
function ring(context, x, y, number, radius) {
  context.beginPath();
  context.arc(x, y, radius, 0, 7);
  context.fillStyle = 'rgba(20,16,30,.55)';
  context.fill();
  context.lineWidth = 1.6;
  context.strokeStyle = '#fff';
  context.stroke();
  context.font = `600 ${radius * 1.15}px system-ui, sans-serif`;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillStyle = '#fff';
  context.fillText(number, x, y + 0.5);
}

// Where the reader points, the same mark on every sphere and map.
function target(context, x, y) {
  for (const [width, colour] of [[4, 'rgba(20,16,30,.8)'], [1.6, '#fff']]) {
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.beginPath();
    context.arc(x, y, 6, 0, 7);
    context.stroke();
  }
}

// A colour scale with its millimetres, and a mark for each value the reader points at.
function drawLegend(canvas, scale, text, marks) {
  const { context, width } = prepare(canvas), left = 18, wide = width - 36, top = 10, tall = 12;
  for (let x = 0; x < wide; x++) {
    context.fillStyle = colourOf(scale, scale.low + (scale.high - scale.low) * x / (wide - 1));
    context.fillRect(left + x, top, 1.5, tall);
  }
  context.fillStyle = css('--quiet');
  context.font = '12px system-ui, sans-serif';
  context.textAlign = 'center';
  context.textBaseline = 'alphabetic';
  const place = (value) => left + wide * (value - scale.low) / (scale.high - scale.low);
  for (const value of niceTicks(scale.low, scale.high, width < 420 ? 4 : 7)) {
    context.fillText(scale.low < 0 ? withSign(value) : value, place(value), top + tall + 14);
    context.fillRect(place(value) - 0.5, top + tall, 1, 3);
  }
  context.fillText(text, width / 2, top + tall + 29);
  for (const { value, colour } of marks) {
    if (value === null) continue;
    const x = place(clamp(value, scale.low, scale.high));
    context.fillStyle = colour;
    context.beginPath();
    context.moveTo(x, top - 1);
    context.lineTo(x - 5, top - 9);
    context.lineTo(x + 5, top - 9);
    context.fill();
  }
}

// Round numbers between two ends, about so many.
function niceTicks(low, high, about) {
  const rough = (high - low) / about, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough);
  const ticks = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9; k++) ticks.push(+(k * step).toFixed(6));
  return ticks;
}
