// The chart itself: its arrows over time, coloured as the game colours them, the feet as letters; above them how dense it is.
// Packed by groove/explorer/notes.py.

const FINENESS = ["4th", "8th", "12th", "16th", "24th", "32nd", "48th", "64th", "192nd"];
const NOTE_COLORS = ["#d9302c", "#1f6fd1", "#7a3fc4", "#2c8a34", "#c4308f", "#c26a00", "#0b8793", "#5f7d12", "#7d858e"];
const [ROLL, MINE, LIFT] = [2, 3, 4]; // 0 is a tap, 1 a hold
const TURNS = [Math.PI / 2, 0, Math.PI, -Math.PI / 2]; // of an arrow that points down: left, down, up, right
const PIXELS_PER_S = 130;
const LANE = { left: 40, width: 50, half: 16 };
const STRIP = { height: 420, top: 24, density: 46 };

/** The notes of a chart as [{time, length, panel, kind, fineness, foot}], in order of time, seconds; null if unknown. */
async function notesOf(chart) {
  const packed = page.notes[chart];
  if (!packed) return null;
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const data = new DataView(await new Response(stream).arrayBuffer());
  const count = data.getUint32(0, true);
  const notes = [];
  let time = 0;
  for (let i = 0; i < count; i++) {
    time += data.getUint32(4 + 4 * i, true) / 1000;
    const code = data.getUint16(4 + 8 * count + 2 * i, true);
    const length = data.getUint32(4 + 4 * count + 4 * i, true) / 1000;
    notes.push({ time, length, panel: code & 3, kind: code >> 2 & 7, fineness: code >> 5 & 15, foot: code >> 9 });
  }
  return notes;
}

/** An element that shows the notes of `chart`, once they are unpacked. */
function notesView(chart) {
  const host = el("div", { class: "notes" });
  if (!page.notes.length) return host;
  notesOf(chart).then((notes) => {
    if (notes === null) host.append(el("p", { class: "note" }, "Its notes could not be read when this page was made."));
    else if (notes.length) new NoteStrip(host, chart, notes);
  });
  return host;
}

class NoteStrip {
  constructor(host, chart, notes) {
    this.notes = notes;
    this.end = notes.at(-1).time + notes.at(-1).length;
    this.longest = Math.max(...notes.map((note) => note.length));
    const used = FINENESS.filter((_, i) => notes.some((note) => note.kind !== MINE && note.fineness === i));
    const key = used.map((name) => el("span", { class: "key" }, keyMark(NOTE_COLORS[FINENESS.indexOf(name)]), name));
    this.density = el("canvas", { class: "density", role: "img", "aria-label": `Steps per second, ${minutes(this.end)} long` });
    this.canvas = el("canvas", { role: "img", "aria-label": `The notes of ${titleOf(chart)} ${levelOf(chart)}` });
    const length = STRIP.top * 2 + this.end * PIXELS_PER_S;
    this.scroller = el("div", { class: "strip", tabIndex: 0, onscroll: () => this.draw() },
      this.canvas, el("div", { class: "length" }));
    this.scroller.lastChild.style.height = `${Math.max(length - STRIP.height, 0)}px`;
    host.append(el("h3", {}, "Notes"), el("p", { class: "note keys" }, ...key, " L and R: the feet"), this.density, this.scroller);
    this.bins = this.countPerSecond();
    this.density.addEventListener("click", (event) => {
      const share = event.offsetX / this.density.clientWidth;
      this.scroller.scrollTop = share * this.end * PIXELS_PER_S - STRIP.height / 3;
    });
    this.scroller.scrollTop = notes[0].time * PIXELS_PER_S - STRIP.top;
    this.draw();
  }

  countPerSecond() {
    const bins = new Array(Math.floor(this.end) + 1).fill(0);
    for (const note of this.notes) if (note.kind !== MINE) bins[Math.floor(note.time)]++;
    return bins;
  }

  draw() {
    const [density, width] = sized(this.density, STRIP.density);
    const most = Math.max(...this.bins, 1);
    const each = width / this.bins.length;
    const from = this.scroller.scrollTop / PIXELS_PER_S;
    density.fillStyle = "#e4eefa";
    density.fillRect(from * each, 0, Math.max(STRIP.height / PIXELS_PER_S * each, 2), STRIP.density);
    density.fillStyle = "#0b5cad";
    this.bins.forEach((count, i) => {
      const height = count / most * (STRIP.density - 2);
      density.fillRect(i * each, STRIP.density - height, Math.max(each - 0.5, 0.5), height);
    });
    this.drawNotes(sized(this.canvas, STRIP.height)[0], from);
  }

  drawNotes(context, from) {
    const y = (time) => STRIP.top + (time - from) * PIXELS_PER_S;
    const until = from + (STRIP.height + LANE.half) / PIXELS_PER_S;
    context.font = "11px system-ui, sans-serif";
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (let second = Math.ceil(Math.max(from - 1, 0)); second <= until; second++) {
      context.fillStyle = "#e6eaee";
      context.fillRect(LANE.left, y(second), 4 * LANE.width, 1);
      context.fillStyle = "#566270";
      context.fillText(minutes(second), LANE.left - 8, y(second));
    }
    const seen = this.notes.filter((note) => note.time <= until && note.time + note.length >= from - 1);
    for (const note of seen) if (note.length) drawHold(context, note, y);
    for (const note of seen) drawNote(context, note, y(note.time));
  }
}

/** A drawing context of `canvas`, as wide as its element and `height` high, cleared; and the width. */
function sized(canvas, height) {
  const [width, ratio] = [canvas.clientWidth, window.devicePixelRatio || 1];
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  return [context, width];
}

const middleOf = (panel) => LANE.left + (panel + 0.5) * LANE.width;

function drawHold(context, note, y) {
  context.fillStyle = note.kind === ROLL ? "rgba(194, 106, 0, .35)" : "rgba(44, 138, 52, .35)";
  context.fillRect(middleOf(note.panel) - 9, y(note.time), 18, note.length * PIXELS_PER_S);
}

function drawNote(context, note, y) {
  const x = middleOf(note.panel);
  context.save();
  context.translate(x, y);
  if (note.kind === MINE) {
    context.beginPath();
    context.arc(0, 0, 10, 0, 2 * Math.PI);
    context.fillStyle = "#4d4d4d";
    context.fill();
    context.fillStyle = "#ff6b6b";
    context.fillRect(-4, -4, 8, 8);
  } else {
    context.save();
    context.rotate(TURNS[note.panel]);
    arrowPath(context);
    context.restore();
    context.fillStyle = note.kind === LIFT ? "#ffffff" : NOTE_COLORS[note.fineness];
    context.fill();
    context.lineWidth = note.kind === LIFT ? 2.5 : 1;
    context.strokeStyle = note.kind === LIFT ? NOTE_COLORS[note.fineness] : "rgba(0, 0, 0, .45)";
    context.stroke();
    context.fillStyle = note.kind === LIFT ? "#16202c" : "#ffffff";
    context.font = "bold 12px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    if (note.foot) context.fillText(note.foot === 1 ? "L" : "R", 0, 0.5);
  }
  context.restore();
}

/** An arrow that points down, around the origin. */
function arrowPath(context) {
  const corners = [[0, 16], [-16, 1], [-9, -5], [-8, -15], [8, -15], [9, -5], [16, 1]];
  context.beginPath();
  corners.forEach(([x, y]) => context.lineTo(x, y));
  context.closePath();
}

function keyMark(color) {
  const mark = el("i", {});
  mark.style.backgroundColor = color;
  return mark;
}
