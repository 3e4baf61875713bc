// The panel of one chart: what it is, its radar, the other charts of its song, its neighbours.

const DISTANCE_DIGITS = 3;

function minutes(seconds) {
  if (!Number.isFinite(seconds)) return "unknown";
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** What to do is said where no chart is chosen. */
function showNothing(host) {
  host.replaceChildren(el("div", { class: "empty" },
    el("p", {}, "Click a chart, or search for one: its groove radar and its nearest neighbours appear here."),
    el("p", { class: "note" }, "Drag to move the map, wheel or pinch to zoom. Every point is one chart; charts that the model finds alike lie close.")));
}

/** Show `chart`; `onPick` gets a chart that was clicked, `onPoint` the neighbour pointed at (or -1), `isVisible` asks the filters. */
function showChart(host, chart, { onPick, onPoint, onClose, onAsk, onList, isVisible }) {
  const neighbors = neighborsOf(chart);
  const radar = radarOfChart(chart, neighbors.map((neighbor) => neighbor.chart));
  const point = (other) => { radar.compare(other); onPoint(other); };
  host.replaceChildren(
    el("button", { type: "button", class: "close", title: "close (Escape)", "aria-label": "close", onclick: onClose }, "\u00d7"),
    el("h2", { dir: "auto" }, titleOf(chart)),
    el("p", { class: "artist", dir: "auto" }, textOf("artist", chart)),
    facts(chart), radar, siblings(chart, onPick), el("p", { class: "chips" }, listButton(chart, onList)));
  const found = el("div", {});
  const fill = (nearest) => found.replaceChildren(
    el("h3", {}, nearest.length ? `${nearest.length} nearest charts of other songs` : "There is no such chart of another song"),
    ...(nearest.length ? [neighborList(chart, nearest, { onPick, point, isVisible })] : []));
  fill(neighbors);
  host.append(askView(() => { fill(neighborsOf(chart)); onAsk(); }), found, notesView(chart),
    el("p", { class: "path", dir: "auto" }, textOf("simfile", chart)));
  host.scrollTop = 0;
}

function facts(chart) {
  const bpm = inWords(numberOf("bpm", chart));
  const pairs = [["difficulty", el("span", { class: "with-mark" }, difficultySwatch(chart), levelOf(chart))],
    ["pack", textOf("pack", chart)], ["BPM", bpm], ["length", minutes(numberOf("length", chart))],
    ["steps", inWords(numberOf("steps", chart))], ["description", textOf("author", chart)],
    ["step artist", textOf("step_artist", chart)], ["tags", textOf("tags", chart)],
    ["streams", textOf("breakdown", chart)], ["peak", `${numberOf("peak_nps", chart).toFixed(1)} steps/s`]];
  if ("substyle" in charts.texts) pairs.push(["sub-style", textOf("substyle", chart)]);
  const split = textOf("split", chart);
  pairs.push(["training", page.meanings[split] ?? split]);
  const shown = pairs.filter(([, value]) => value !== "");
  return el("dl", {}, ...shown.flatMap(([name, value]) => [el("dt", {}, name), el("dd", { dir: "auto" }, value)]));
}

function siblings(chart, onPick) {
  const all = siblingsOf(chart);
  if (all.length < 2) return "";
  const buttons = all.map((other) => el("button",
    { type: "button", class: "chip", "aria-pressed": String(other === chart), onclick: () => onPick(other) },
    difficultySwatch(other), levelOf(other)));
  return el("div", { class: "chips", role: "group", "aria-label": "Charts of this song" }, ...buttons);
}

function neighborList(chart, neighbors, { onPick, point, isVisible }) {
  const head = el("div", { class: "axes head", "aria-hidden": "true" }, ...page.axes.map((axis) => el("span", {}, axis)));
  const rows = neighbors.map(({ chart: other, distance }, i) => {
    const hidden = !isVisible(other);
    const button = el("button", {
      type: "button", class: hidden ? "neighbor behind" : "neighbor", title: hidden ? "behind the filters" : "",
      onclick: () => onPick(other), onmouseenter: () => point(other), onmouseleave: () => point(-1),
      onfocus: () => point(other), onblur: () => point(-1),
    },
    el("span", { class: "first" }, el("span", { class: "rank" }, String(i + 1)), difficultySwatch(other),
      el("b", { class: "grow", dir: "auto" }, titleOf(other)), el("span", { class: "level" }, levelOf(other))),
    el("span", { class: "second" }, el("span", { class: "grow", dir: "auto" }, textOf("pack", other)),
      el("span", {}, `distance ${distance.toFixed(DISTANCE_DIGITS)}`)),
    el("span", { class: "axes" }, ...page.axes.map((axis) => difference(axis, chart, other))));
    return el("li", {}, button);
  });
  return el("div", { id: "neighbors" },
    el("p", { class: "note" }, "Below each: its radar less this chart's. Point at one to lay its radar over this one."),
    head, el("ol", {}, ...rows));
}

/** How much more (orange) or less (blue) `other` has of `axis`. */
function difference(axis, chart, other) {
  const value = numberOf(axis, other) - numberOf(axis, chart);
  const text = inWords(value, radarDigits);
  const zero = Number(value.toFixed(radarDigits)) === 0;
  const cell = el("span", { "aria-label": `${axis} ${text}` }, zero ? "0" : value > 0 ? `+${text}` : text);
  const strength = Math.min(Math.abs(value) / (page.rings.at(-1) / 4), 1) * 0.5 || 0;
  cell.style.backgroundColor = `rgba(${value > 0 ? "230, 159, 0" : "0, 114, 178"}, ${zero ? 0 : strength.toFixed(2)})`;
  return cell;
}
