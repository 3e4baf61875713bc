// The map: two canvases, one with all points (frame.js), one above it with what is marked. A grid over the plane finds the
// point under the pointer.

const CELLS = 96;
const GHOST = { color: "#dfe3e8", shape: "circle" };
const INK = "#16202c";

class ChartMap {
  constructor(host, points, marks, x, y) {
    Object.assign(this, { host, points, marks, x, y });
    this.visible = new Uint8Array(x.length).fill(1);
    this.coloring = null;
    this.selected = -1;
    this.neighbors = [];
    this.hovered = -1;
    this.scale = 1;
    this.left = 0;
    this.top = 0;
    this.step = strideOf(x.length);
    this.grid = makeGrid(x, y);
    this.pending = { points: false, marks: false };
    new ResizeObserver(() => this.resize()).observe(host);
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.host;
    const ratio = window.devicePixelRatio || 1;
    if (width === this.width && height === this.height && ratio === this.ratio) return;
    const [dx, dy, first] = [(width - this.width) / 2, (height - this.height) / 2, this.width === undefined];
    Object.assign(this, { width, height, ratio });
    for (const canvas of [this.points, this.marks]) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    this.frame = new Frame(this.points.width, this.points.height);
    this.sprites = new Map();
    if (first || !this.moved) this.fit();
    else this.pan(dx, dy);
  }

  fit() {
    this.moved = false;
    const margin = 28;
    this.fitted = Math.max(Math.min(this.width, this.height) - 2 * margin, 50);
    this.scale = this.fitted;
    this.left = (this.width - this.scale) / 2;
    this.top = (this.height - this.scale) / 2;
    this.redraw();
  }

  pan(dx, dy) {
    this.moved = true;
    this.left += dx;
    this.top += dy;
    this.redraw();
  }

  /** Zoom by `factor` about the place (x, y) of the canvas. */
  zoom(factor, x = this.width / 2, y = this.height / 2) {
    const scale = Math.min(Math.max(this.scale * factor, this.fitted * 0.5), this.fitted * 200);
    this.left = x - (x - this.left) * scale / this.scale;
    this.top = y - (y - this.top) * scale / this.scale;
    this.scale = scale;
    this.moved = true;
    this.redraw();
  }

  place(chart) {
    return [this.left + this.x[chart] * this.scale, this.top + this.y[chart] * this.scale];
  }

  /** Move the map so that `chart` can be seen, if it cannot. */
  reveal(chart) {
    const [x, y] = this.place(chart);
    const margin = 12;
    if (x < margin || y < margin || x > this.width - margin || y > this.height - margin) {
      this.pan(this.width / 2 - x, this.height / 2 - y);
    }
  }

  /** Points shrink with their number and grow, slower than the map, as it is zoomed. */
  radius() {
    const base = Math.min(Math.max(95 / Math.sqrt(this.x.length + 60), 1.9), 6);
    return Math.min(base * (this.scale / this.fitted) ** 0.4, 8);
  }

  /** The visible chart nearest to a place of the canvas, within `reach` pixels, or -1. */
  at(px, py, reach = Math.max(this.radius() + 4, 8)) {
    const [x, y, r] = [(px - this.left) / this.scale, (py - this.top) / this.scale, reach / this.scale];
    let [found, nearest] = [-1, r * r];
    this.grid.within(x, y, r, (chart) => {
      const distance = (this.x[chart] - x) ** 2 + (this.y[chart] - y) ** 2;
      if (distance <= nearest && this.visible[chart]) [found, nearest] = [chart, distance];
    });
    return found;
  }

  redraw() {
    this.request("points");
    this.request("marks");
  }

  /** Draw a layer in the next frame, once, however often it is asked for. */
  request(layer) {
    if (this.pending[layer] || !this.coloring || !this.width) return;
    this.pending[layer] = true;
    requestAnimationFrame(() => {
      this.pending[layer] = false;
      if (layer === "points") this.drawPoints();
      else this.drawMarks();
    });
  }

  drawPoints() {
    const radius = Math.round(this.radius() * 4) / 4 * this.ratio;
    const ghost = this.sprite(GHOST, Math.max(radius * 0.7, 1.2), false);
    const sprites = this.coloring.marks.map((mark) => this.sprite(mark, radius, true));
    this.frame.clear();
    this.blit(0, () => ghost);
    this.blit(1, (chart) => sprites[this.coloring.of[chart]]);
    this.frame.show(this.points.getContext("2d"));
  }

  sprite(mark, radius, edged) {
    const key = `${mark.color} ${mark.shape} ${radius} ${edged}`;
    if (!this.sprites.has(key)) {
      if (this.sprites.size > 400) this.sprites.clear();
      this.sprites.set(key, makeSprite(mark, radius, edged, this.frame.stride));
    }
    return this.sprites.get(key);
  }

  /** Draw the charts whose visibility is `visible`; a step that shares no factor with their number mixes their order. */
  blit(visible, spriteOf) {
    const { x, y, ratio, frame } = this;
    const [scale, left, top] = [this.scale * ratio, this.left * ratio, this.top * ratio];
    const [right, bottom, count, reach] = [this.points.width, this.points.height, x.length, MARGIN / 2];
    for (let i = 0, chart = 0; i < count; i++, chart = (chart + this.step) % count) {
      if (this.visible[chart] !== visible) continue;
      const [px, py] = [Math.round(left + x[chart] * scale), Math.round(top + y[chart] * scale)];
      if (px > -reach && py > -reach && px < right + reach && py < bottom + reach) frame.draw(spriteOf(chart), px, py);
    }
  }

  drawMarks() {
    const context = this.marks.getContext("2d");
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    if (this.selected >= 0) this.drawSelection(context);
    if (this.hovered >= 0 && this.hovered !== this.selected) this.ring(context, this.hovered, 2.5, 2, INK);
  }

  drawSelection(context) {
    context.fillStyle = "rgba(250, 251, 252, 0.62)"; // what is not marked steps back
    context.fillRect(0, 0, this.width, this.height);
    const [x, y] = this.place(this.selected);
    context.strokeStyle = "rgba(22, 32, 44, 0.35)";
    context.lineWidth = 1;
    for (const chart of this.neighbors) {
      context.beginPath();
      context.moveTo(x, y);
      context.lineTo(...this.place(chart));
      context.stroke();
    }
    for (const chart of [...this.neighbors].reverse()) {
      this.dot(context, chart, 1.15);
      this.ring(context, chart, 0, 1.2, INK);
    }
    this.dot(context, this.selected, 1.3);
    this.ring(context, this.selected, 1.5, 3, "#ffffff");
    this.ring(context, this.selected, 4, 2.5, INK);
    this.label(context, this.selected);
  }

  dot(context, chart, factor) {
    const mark = this.coloring.marks[this.coloring.of[chart]];
    tracePath(context, mark.shape, ...this.place(chart), Math.max(this.radius() * factor, 4));
    context.fillStyle = mark.color;
    context.fill();
  }

  ring(context, chart, gap, width, color) {
    const [x, y] = this.place(chart);
    context.beginPath();
    context.arc(x, y, Math.max(this.radius() * 1.15, 4) + gap, 0, 2 * Math.PI);
    context.lineWidth = width;
    context.strokeStyle = color;
    context.stroke();
  }

  label(context, chart) {
    const [x, y] = this.place(chart);
    context.font = "600 13px system-ui, sans-serif";
    const text = titleOf(chart);
    const width = context.measureText(text).width;
    const above = this.emptier(x, y, width) < 0 && y > 40 ? y - this.radius() - 14 : y + this.radius() + 24;
    const start = Math.min(Math.max(x - width / 2, 8), Math.max(this.width - width - 8, 8));
    context.lineWidth = 4;
    context.lineJoin = "round";
    context.strokeStyle = "#ffffff";
    context.strokeText(text, start, above);
    context.fillStyle = INK;
    context.fillText(text, start, above);
  }

  /** Where a text of `width` at (x, y) hides fewer neighbours: -1 above, 1 below. */
  emptier(x, y, width) {
    const near = this.neighbors.map((chart) => this.place(chart)).filter(([nx, ny]) => Math.abs(nx - x) < width / 2 && Math.abs(ny - y) < 40);
    const above = near.filter(([, ny]) => ny < y).length;
    return above <= near.length - above ? -1 : 1;
  }
}

function strideOf(count) {
  let step = Math.max(Math.floor(count * 0.618), 1);
  const divisor = (a, b) => (b ? divisor(b, a % b) : a);
  while (divisor(step, count) > 1) step++;
  return step;
}

/** A grid over the unit square: the charts of each cell, one after the other, and where each cell starts. */
function makeGrid(x, y) {
  const cellOf = (value) => Math.min(Math.max(Math.floor(value * CELLS), 0), CELLS - 1);
  const starts = new Uint32Array(CELLS * CELLS + 1);
  const cells = Uint16Array.from(x, (_, chart) => cellOf(y[chart]) * CELLS + cellOf(x[chart]));
  for (const cell of cells) starts[cell + 1]++;
  for (let cell = 0; cell < CELLS * CELLS; cell++) starts[cell + 1] += starts[cell];
  const [next, order] = [starts.slice(), new Uint32Array(x.length)];
  cells.forEach((cell, chart) => { order[next[cell]++] = chart; });
  const within = (px, py, reach, visit) => {
    for (let row = cellOf(py - reach); row <= cellOf(py + reach); row++) {
      const [first, last] = [cellOf(px - reach), cellOf(px + reach)].map((column) => row * CELLS + column);
      for (let i = starts[first]; i < starts[last + 1]; i++) visit(order[i]);
    }
  };
  return { within };
}
