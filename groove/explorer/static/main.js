// What is chosen, and what follows from it. The chart and the colour stand in the address, so that "back" goes back.

const $ = (id) => document.getElementById(id);

$("about").textContent = page.about[0] ?? "";
$("how").querySelector("div").append(...[...page.about, page.how].map((line) => el("p", {}, line)));

const map = new ChartMap($("map"), $("points"), $("marks"), charts.numbers.x, charts.numbers.y);
const filters = allFilters($("fields"), () => update());
const box = searchBox({ input: $("search"), list: $("results"), note: $("found") }, () => update(), (chart) => choose(chart, true));

/** Let filters and search say what the map shows. */
function update() {
  const kept = filters.kept();
  const found = search($("search").value);
  if (found) for (let i = 0; i < kept.length; i++) kept[i] &= found[i];
  map.visible = kept;
  box.show(found ? filters.kept() : kept);
  const shown = kept.reduce((sum, one) => sum + one, 0);
  $("shown").textContent = `${shown.toLocaleString("en")} of ${charts.count.toLocaleString("en")} charts`;
  map.redraw();
  document.querySelectorAll(".neighbor").forEach((row, i) => row.classList.toggle("behind", !kept[map.neighbors[i]]));
}

function recolor(name) {
  map.coloring = coloring(name);
  drawLegend($("legend"), map.coloring);
  map.redraw();
}

/** Show `chart` (-1: none) by way of the address. */
function choose(chart, toPanel = false) {
  const hash = addressOf(chart, $("color").value);
  if (location.hash !== hash) location.hash = hash; // the event below does the rest
  if (toPanel && chart >= 0) $("details").focus({ preventScroll: true });
}

const addressOf = (chart, color) => `#color=${color}${chart >= 0 ? `&chart=${chart}` : ""}`;

function follow() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  const color = colorings().includes(wanted.get("color")) ? wanted.get("color") : "difficulty";
  const given = wanted.has("chart") ? Number(wanted.get("chart")) : -1;
  const chart = Number.isInteger(given) && given >= 0 && given < charts.count ? given : -1;
  if (map.coloring?.name !== color) { $("color").value = color; recolor(color); }
  if (map.selected !== chart) show(chart);
}

function show(chart) {
  map.selected = chart;
  map.hovered = -1;
  const near = () => { map.neighbors = chart < 0 ? [] : neighborsOf(chart).map((neighbor) => neighbor.chart); };
  near();
  document.body.classList.toggle("chosen", chart >= 0);
  if (chart < 0) showNothing($("details"));
  else {
    showChart($("details"), chart, {
      onPick: choose, onClose: () => choose(-1), onAsk: () => { near(); map.request("marks"); },
      onList: () => showList($("list"), (listed) => choose(listed, true)), isVisible: (other) => map.visible[other] === 1,
      onPoint: (other) => { map.hovered = other; map.request("marks"); },
    });
    map.reveal(chart);
  }
  map.request("marks");
}

/** The name of the chart under the pointer. */
function hover(chart, place) {
  const tip = $("tip");
  tip.hidden = chart < 0;
  if (chart >= 0) {
    const { name } = map.coloring;
    const plain = ["difficulty", "meter"].includes(name);
    const value = name in charts.texts ? nameInWords(name, textOf(name, chart)) : inWords(numberOf(name, chart), digitsOf(name));
    tip.replaceChildren(el("b", { dir: "auto" }, titleOf(chart)), el("span", {}, levelOf(chart)),
      ...(plain ? [] : [el("span", { dir: "auto" }, `${labelOf(name)} ${value}`)]));
    tip.style.left = `${Math.min(place[0] + 14, map.width - tip.offsetWidth - 8)}px`;
    tip.style.top = `${place[1] > 60 ? place[1] - tip.offsetHeight - 10 : place[1] + 18}px`;
  }
  map.marks.classList.toggle("over", chart >= 0);
  if (map.hovered !== chart) { map.hovered = chart; map.request("marks"); }
}

listen(map, (chart) => { box.close(); choose(chart); }, hover);
$("color").append(...colorings().map((name) => el("option", { value: name }, labelOf(name))));
$("color").addEventListener("change", () => {
  history.replaceState(null, "", addressOf(map.selected, $("color").value));
  recolor($("color").value);
});
$("reset").addEventListener("click", () => { filters.reset(); update(); });
$("zoom").addEventListener("click", (event) => {
  const action = { in: () => map.zoom(1.6), out: () => map.zoom(1 / 1.6), fit: () => map.fit() }[event.target.dataset.zoom];
  action?.();
});
document.addEventListener("keydown", (event) => {
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
  if (event.key === "/" && !typing) { event.preventDefault(); $("search").focus(); }
  if (event.key === "Escape") choose(-1);
});
document.addEventListener("pointerdown", (event) => { if (!event.target.closest?.("#controls")) box.close(); });
window.addEventListener("hashchange", follow);
if (window.matchMedia("(max-width: 760px)").matches) $("filters").open = false;
follow();
show(map.selected);
update();
