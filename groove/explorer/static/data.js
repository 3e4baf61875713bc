// The charts: columns of numbers and of coded texts, as groove/explorer/page.py wrote them.

const page = JSON.parse(document.getElementById("data").textContent);
const ARRAYS = { i1: Int8Array, u2: Uint16Array, u4: Uint32Array, f4: Float32Array };

function unpack({ kind, data }) {
  const text = atob(data);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return new ARRAYS[kind](bytes.buffer);
}

const unpackAll = (columns, read) => Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, read(column)]));

const charts = {
  count: page.count,
  numbers: unpackAll(page.numbers, unpack),
  texts: unpackAll(page.texts, ({ names, codes }) => ({ names, codes: unpack(codes) })),
  song: unpack(page.song),
  k: page.neighbors.k,
  rows: unpack(page.neighbors.rows),
  distances: unpack(page.neighbors.distances),
};

const textOf = (name, chart) => charts.texts[name].names[charts.texts[name].codes[chart]];
const numberOf = (name, chart) => charts.numbers[name][chart];

/** The neighbours of a chart, nearest first, as [{chart, distance}]. */
function neighborsOf(chart) {
  if (asksAnew()) return nearestAsked(chart);
  const found = [];
  for (let i = chart * charts.k; i < (chart + 1) * charts.k; i++) {
    if (charts.rows[i] !== page.neighbors.none) found.push({ chart: charts.rows[i], distance: charts.distances[i] });
  }
  return found;
}

/** The charts of the same song, easiest first, the chart itself among them. */
function siblingsOf(chart) {
  const found = [];
  for (let i = 0; i < charts.count; i++) if (charts.song[i] === charts.song[chart]) found.push(i);
  return found.sort(byDifficulty);
}

const byDifficulty = (a, b) =>
  charts.texts.difficulty.codes[a] - charts.texts.difficulty.codes[b] || numberOf("meter", a) - numberOf("meter", b);

const levelOf = (chart) => `${textOf("difficulty", chart)} ${numberOf("meter", chart)}`;
const titleOf = (chart) => textOf("title", chart) || "(no title)";

// Radar values are percentages (konami) or shares (stepmania); the last ring tells which.
const radarDigits = page.rings.at(-1) > 10 ? 0 : 2;
const MINUS = "\u2212";

function inWords(value, digits = 0) {
  return Number.isFinite(value) ? value.toFixed(digits).replace("-", MINUS) : "unknown";
}

const digitsOf = (name) => (page.axes.includes(name) ? radarDigits : page.techniques.includes(name) ? 1 : 0);

/** An element: its properties (dataset, class and aria by name), then its children; text is only ever text. */
function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name.includes("-") || name === "role") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children);
  return made;
}

/** The same for a drawing. */
function svg(tag, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
