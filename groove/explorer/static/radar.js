// The pentagon of a chart's radar, and of another one over it.

const RADIUS = 92;
const RADAR_BOX = { width: 330, height: 246, x: 165, y: 133 };

const corner = (axis, share) => {
  const angle = 2 * Math.PI * axis / page.axes.length - Math.PI / 2;
  return [RADAR_BOX.x + Math.cos(angle) * share * RADIUS, RADAR_BOX.y + Math.sin(angle) * share * RADIUS];
};

const polygon = (shares, name) =>
  svg("polygon", { class: name, points: shares.map((share, axis) => corner(axis, share).map((at) => at.toFixed(1)).join(",")).join(" ") });

const radarOf = (chart) => page.axes.map((axis) => numberOf(axis, chart));
const sharesOf = (chart, top) => radarOf(chart).map((value) => Math.min(Math.max(value / top, 0), 1) || 0);

/** The value of the outermost ring: the games' own, or half of it where none of `shown` charts needs more. */
function topOf(shown) {
  const half = page.rings.at(-1) / 2;
  return shown.every((chart) => radarOf(chart).every((value) => !(value > half))) ? half : 2 * half;
}

/** The radar of `chart`; its method `compare` draws one of `others` over it (-1: none). */
function radarOfChart(chart, others) {
  const top = topOf([chart, ...others]);
  const shares = sharesOf(chart, top);
  const words = radarOf(chart).map((value, axis) => `${page.axes[axis]} ${inWords(value, radarDigits)}`).join(", ");
  const drawing = svg("svg", {
    viewBox: `0 0 ${RADAR_BOX.width} ${RADAR_BOX.height}`, role: "img", "aria-label": `Groove radar: ${words}`, class: "radar",
  });
  for (const ring of page.rings) drawing.append(polygon(page.axes.map(() => ring / page.rings.at(-1)), "ring"));
  drawing.append(scaleLabel(top / 2, 0.5), scaleLabel(top, 1));
  page.axes.forEach((_, axis) => {
    const [x2, y2] = corner(axis, 1);
    drawing.append(svg("line", { class: "ring", x1: RADAR_BOX.x, y1: RADAR_BOX.y, x2, y2 }));
  });
  drawing.append(polygon(shares, "value"));
  shares.forEach((share, axis) => {
    const [cx, cy] = corner(axis, share);
    drawing.append(svg("circle", { class: "value", cx, cy, r: 3 }));
  });
  page.axes.forEach((name, axis) => drawing.append(axisLabel(name, axis, numberOf(name, chart))));
  const over = polygon(page.axes.map(() => 0), "other");
  over.style.display = "none";
  drawing.append(over);
  drawing.compare = (other) => {
    over.style.display = other < 0 ? "none" : "";
    if (other >= 0) over.setAttribute("points", polygon(sharesOf(other, top), "").getAttribute("points"));
  };
  return drawing;
}

function scaleLabel(value, share) {
  const [x, y] = corner(0, share);
  const made = svg("text", { x: x + 4, y: y + 3, class: "scale" });
  made.textContent = inWords(value, radarDigits);
  return made;
}

function axisLabel(name, axis, value) {
  const [x, y] = corner(axis, 1.13);
  const anchor = Math.abs(x - RADAR_BOX.x) < 5 ? "middle" : x > RADAR_BOX.x ? "start" : "end";
  const lift = axis === 0 ? -18 : y > RADAR_BOX.y + RADIUS / 2 ? 6 : -6;
  const line = (text, dy, kind) => {
    const made = svg("text", { x, y: y + lift + dy, "text-anchor": anchor, class: kind });
    made.textContent = text;
    return made;
  };
  return svg("g", {}, line(name, 0, "name"), line(inWords(value, radarDigits), 16, "number"));
}
