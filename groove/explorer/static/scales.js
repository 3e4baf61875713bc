// What colours mean. Names get the colours of Okabe & Ito (2008), which colour-blind people tell apart, and a shape once
// these are used up; numbers get viridis (Smith & van der Walt, 2015), dark for much.

const COLORS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#8a7a00", "#4d4d4d"];
const SHAPES = ["circle", "square", "triangle", "diamond"];
const OTHERS = { color: "#a3a9b0", shape: "circle" };
// The game's own colours of its difficulties are, luckily, near those of Okabe & Ito.
const DIFFICULTIES = {
  Beginner: "#56b4e9", Easy: "#e69f00", Medium: "#d55e00", Hard: "#009e73", Challenge: "#b45a92", Edit: "#7f858c",
};
const SPLITS = { train: "#0072b2", val: "#e69f00", unseen: "#009e73", unknown: "#7f858c" };
const VIRIDIS = ["#440154", "#482878", "#3e4a89", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b"].reverse();
const STEPS = 24;
const LABELS = {
  bpm: "BPM", substyle: "sub-style", split: "training", stream_measures: "stream (measures)", step_artist: "step artist",
  ...Object.fromEntries(page.techniques.map((name) => [name, `${name} (in 100 steps)`])),
};
const SPLIT_WORDS = { train: "trained on", val: "held out", unseen: "never seen", unknown: "unknown" };

const labelOf = (name) => LABELS[name] ?? name;
const nameInWords = (column, name) => (column === "split" ? SPLIT_WORDS[name] ?? name : name) || "(none)";

/** A name in a list: two lines of it, and all of it in a tooltip. */
const named = (text) => el("span", { dir: "auto", class: "named", title: text }, text);

/** What can be coloured by, in the order of the menu. */
function colorings() {
  const names = ["difficulty", "substyle", ...page.axes, "meter", "bpm", "stream_measures", ...page.techniques,
    "split", "pack", "step_artist"];
  return names.filter((name) => name in charts.texts || name in charts.numbers);
}

/** A coloring: marks ({color, shape}), the mark of each chart (of), and what its legend shows. */
function coloring(name) {
  return name in charts.texts ? coloringOfNames(name) : coloringOfNumbers(name);
}

function marksOfNames(column) {
  const { names } = charts.texts[column];
  const fixed = { difficulty: DIFFICULTIES, split: SPLITS }[column] ?? {};
  return names.map((name, i) => ({
    color: fixed[name] ?? COLORS[i % COLORS.length],
    shape: fixed[name] ? "circle" : SHAPES[Math.floor(i / COLORS.length) % SHAPES.length],
  }));
}

function coloringOfNames(column) {
  const { names, codes } = charts.texts[column];
  const counts = new Array(names.length).fill(0);
  for (const code of codes) counts[code]++;
  const most = COLORS.length * SHAPES.length;
  const kept = names.map((_, i) => i).sort((a, b) => counts[b] - counts[a]).slice(0, most).sort((a, b) => a - b);
  const all = marksOfNames(column);
  const marks = kept.length === names.length ? all : [...kept.map((_, i) => all[i]), OTHERS];
  const place = new Uint16Array(names.length).fill(marks.length - 1);
  kept.forEach((code, i) => { place[code] = i; });
  const entries = kept.map((code, i) => ({ mark: marks[i], text: nameInWords(column, names[code]), count: counts[code] }));
  if (kept.length < names.length) {
    const rest = charts.count - entries.reduce((sum, entry) => sum + entry.count, 0);
    entries.push({ mark: OTHERS, text: `${names.length - kept.length} others`, count: rest });
  }
  return { name: column, marks, of: Uint16Array.from(codes, (code) => place[code]), entries };
}

function coloringOfNumbers(column) {
  const values = charts.numbers[column];
  const sorted = Float32Array.from(values.filter(Number.isFinite)).sort();
  const low = sorted.length ? sorted[0] : 0;
  const top = sorted.length ? sorted.at(-1) : 1;
  // a few extreme charts must not make all others one colour
  const high = sorted.length ? Math.max(sorted[Math.floor(0.98 * (sorted.length - 1))], low) : 1;
  const marks = Array.from({ length: STEPS }, (_, i) => ({ color: viridis(i / (STEPS - 1)), shape: "circle" }));
  marks.push(OTHERS);
  const width = high - low || 1;
  const of = Uint16Array.from(values, (value) =>
    Number.isFinite(value) ? Math.min(STEPS - 1, Math.max(0, Math.floor((value - low) / width * STEPS))) : STEPS);
  return { name: column, marks, of, low, high, clipped: top > high, unknown: values.length - sorted.length };
}

/** The colour at 0 (light, little) to 1 (dark, much). */
function viridis(share) {
  const place = share * (VIRIDIS.length - 1);
  const i = Math.min(Math.floor(place), VIRIDIS.length - 2);
  const parts = [1, 3, 5].map((at) => {
    const [a, b] = [VIRIDIS[i], VIRIDIS[i + 1]].map((color) => parseInt(color.slice(at, at + 2), 16));
    return Math.round(a + (b - a) * (place - i)).toString(16).padStart(2, "0");
  });
  return `#${parts.join("")}`;
}

/** Draw `shape` of `radius` around the middle of a canvas's context. */
function tracePath(context, shape, x, y, radius) {
  context.beginPath();
  if (shape === "square") context.rect(x - 0.88 * radius, y - 0.88 * radius, 1.76 * radius, 1.76 * radius);
  else if (shape === "circle") context.arc(x, y, radius, 0, 2 * Math.PI);
  else {
    const corners = shape === "diamond" ? [[0, -1.2], [1.2, 0], [0, 1.2], [-1.2, 0]] : [[0, -1.15], [1.1, 0.85], [-1.1, 0.85]];
    corners.forEach(([dx, dy], i) => context[i ? "lineTo" : "moveTo"](x + dx * radius, y + dy * radius));
    context.closePath();
  }
}

const OUTLINES = {
  circle: "M9 0A9 9 0 1 1 -9 0A9 9 0 1 1 9 0Z", square: "M-8 -8H8V8H-8Z", triangle: "M0 -10L10 8H-10Z", diamond: "M0 -11L11 0L0 11L-11 0Z",
};

/** A small drawing of a mark, for lists and the legend. */
function swatch(mark) {
  return svg("svg", { class: "swatch", viewBox: "-11 -11 22 22", "aria-hidden": "true" },
    svg("path", { d: OUTLINES[mark.shape], fill: mark.color }));
}

const difficultyMarks = marksOfNames("difficulty");
const difficultySwatch = (chart) => swatch(difficultyMarks[charts.texts.difficulty.codes[chart]]);

/** Show in `host` what the colours of `chosen` mean. */
function drawLegend(host, chosen) {
  const title = el("h2", {}, labelOf(chosen.name));
  if (chosen.entries) {
    const rows = chosen.entries.map((entry) =>
      el("li", {}, swatch(entry.mark), named(entry.text), el("small", {}, entry.count.toLocaleString("en"))));
    host.replaceChildren(title, el("ul", {}, ...rows));
    return;
  }
  const bar = el("canvas", { class: "bar", width: STEPS, height: 1, "aria-hidden": "true" });
  const context = bar.getContext("2d");
  chosen.marks.slice(0, STEPS).forEach((mark, i) => { context.fillStyle = mark.color; context.fillRect(i, 0, 1, 1); });
  const digits = digitsOf(chosen.name);
  const ends = el("p", { class: "ends" },
    el("span", {}, inWords(chosen.low, digits)), el("span", {}, `${inWords(chosen.high, digits)}${chosen.clipped ? " and more" : ""}`));
  host.replaceChildren(title, bar, ends);
  if (chosen.unknown) host.append(el("p", { class: "note" }, swatch(OTHERS), ` unknown: ${chosen.unknown}`));
}
