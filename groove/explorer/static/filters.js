// Filters: some names of a text, all of it, or a range of a number. Each is {read, reset}: read gives a test of a chart, or
// null where it lets all pass.

/** Boxes to tick, one per name of the column. */
function namesFilter(column, onChange) {
  const { names, codes } = charts.texts[column];
  const mark = (i) => (column === "difficulty" ? swatch(difficultyMarks[i]) : ""); // whose colours are the same everywhere
  const counts = new Array(names.length).fill(0);
  for (const code of codes) counts[code]++;
  const boxes = names.map((name) => el("input", { type: "checkbox", checked: true, name: column, value: name, onchange: onChange }));
  const rows = boxes.map((box, i) => el("label", { class: "tick" }, box, mark(i),
    named(nameInWords(column, names[i])), el("small", {}, counts[i].toLocaleString("en"))));
  const host = el("fieldset", {}, el("legend", {}, labelOf(column)), el("div", { class: "ticks" }, ...rows));
  const read = () => {
    const kept = boxes.map((box) => box.checked);
    return kept.every(Boolean) ? null : (chart) => kept[codes[chart]];
  };
  return { host, read, reset: () => boxes.forEach((box) => { box.checked = true; }) };
}

/** One name of many, from a menu. */
function oneNameFilter(column, onChange) {
  const { names, codes } = charts.texts[column];
  const id = `filter-${column}`;
  const options = names.map((name, i) => el("option", { value: String(i) }, nameInWords(column, name)));
  const menu = el("select", { id, onchange: onChange }, el("option", { value: "" }, `all (${names.length})`), ...options);
  const host = el("div", { class: "field" }, el("label", { htmlFor: id }, labelOf(column)), menu);
  const read = () => {
    const wanted = Number(menu.value);
    return menu.value === "" ? null : (chart) => codes[chart] === wanted;
  };
  return { host, read, reset: () => { menu.value = ""; } };
}

/** From and to, both included; an empty field is no bound. */
function rangeFilter(column, onChange) {
  const values = charts.numbers[column];
  const known = values.filter(Number.isFinite).sort();
  const [low, high] = known.length ? [Math.floor(known[0]), Math.ceil(known.at(-1))] : [0, 0];
  const field = (which, bound) => el("input", {
    type: "number", id: `filter-${column}-${which}`, placeholder: String(bound), min: String(low), max: String(high), step: "any",
    "aria-label": `${labelOf(column)}, ${which === "from" ? "at least" : "at most"}`, oninput: onChange,
  });
  const [from, to] = [field("from", low), field("to", high)];
  const host = el("div", { class: "field" }, el("span", {}, labelOf(column)), el("span", { class: "range" }, from, " to ", to));
  const read = () => {
    const [least, most] = [from.value === "" ? -Infinity : Number(from.value), to.value === "" ? Infinity : Number(to.value)];
    return least === -Infinity && most === Infinity ? null : (chart) => values[chart] >= least && values[chart] <= most;
  };
  return { host, read, reset: () => { from.value = to.value = ""; } };
}

/** Put the filters into `host`; `kept()` gives the charts that pass all of them, as 0 and 1. */
function allFilters(host, onChange) {
  const all = [namesFilter("difficulty", onChange), rangeFilter("meter", onChange), rangeFilter("bpm", onChange),
    oneNameFilter("pack", onChange), oneNameFilter("step_artist", onChange), rangeFilter("stream_measures", onChange)];
  if ("substyle" in charts.texts) all.push(namesFilter("substyle", onChange));
  all.push(namesFilter("split", onChange));
  const feet = page.techniques.map((name) => rangeFilter(name, onChange));
  const folded = el("details", {}, el("summary", {}, "Technique"), ...feet.map((filter) => filter.host));
  host.replaceChildren(...all.map((filter) => filter.host), folded);
  all.push(...feet);
  const kept = () => {
    const tests = all.map((filter) => filter.read()).filter(Boolean);
    const found = new Uint8Array(charts.count);
    for (let i = 0; i < charts.count; i++) found[i] = tests.every((test) => test(i)) ? 1 : 0;
    return found;
  };
  return { kept, reset: () => all.forEach((filter) => filter.reset()) };
}
