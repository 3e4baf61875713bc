// What neighbours are asked for: how much each part of the embedding counts, and whether one level harder. Distances are
// computed here, from vectors of 8 bits; with the model's own weights the neighbours are those of the command.

const vectors = { size: page.vectors.size, values: unpack(page.vectors.values), steps: page.vectors.steps };
const ask = { weights: { ...page.vectors.weights }, harder: false };

const asksAnew = () => ask.harder || Object.entries(page.vectors.weights).some(([name, weight]) => ask.weights[name] !== weight);

/** The factor on each number of a vector: the step of its 8 bits, times the weight asked for over the model's. */
function factors() {
  const found = new Float32Array(vectors.size);
  for (const [name, [first, end]] of Object.entries(page.vectors.parts)) {
    found.fill(vectors.steps[name] * ask.weights[name] / page.vectors.weights[name], first, end);
  }
  return found;
}

/** The charts of other songs nearest to `chart` as `ask` has it, nearest first. */
function nearestAsked(chart) {
  const { size, values } = vectors;
  const squares = factors().map((factor) => factor * factor);
  const found = [];
  for (let other = 0; other < charts.count; other++) {
    if (charts.song[other] === charts.song[chart]) continue;
    if (ask.harder && numberOf("meter", other) !== numberOf("meter", chart) + 1) continue;
    let sum = 0;
    for (let i = 0, a = chart * size, b = other * size; i < size; i++, a++, b++) {
      const difference = values[a] - values[b];
      sum += squares[i] * difference * difference;
    }
    found.push({ chart: other, distance: Math.sqrt(sum) });
  }
  return found.sort((a, b) => a.distance - b.distance).slice(0, charts.k);
}

/** The controls; `onChange` is called when anything else is asked for. */
function askView(onChange) {
  const names = Object.keys(page.vectors.parts);
  const box = el("input", { type: "checkbox", checked: ask.harder, onchange: () => { ask.harder = box.checked; onChange(); } });
  const sliders = names.map((name) => {
    const value = el("output", {}, ask.weights[name].toFixed(2));
    const slider = el("input", {
      type: "range", min: "0", max: "2", step: "0.05", value: String(ask.weights[name]), id: `weight-${name}`,
      oninput: () => { ask.weights[name] = Number(slider.value); value.textContent = ask.weights[name].toFixed(2); onChange(); },
    });
    return { name, slider, value, row: el("label", { class: "weight" }, el("span", {}, name), slider, value) };
  });
  const reset = el("button", { type: "button", class: "chip", onclick: () => {
    Object.assign(ask, { weights: { ...page.vectors.weights }, harder: false });
    box.checked = false;
    for (const { name, slider, value } of sliders) {
      slider.value = String(ask.weights[name]);
      value.textContent = ask.weights[name].toFixed(2);
    }
    onChange();
  } }, "as the model weighs");
  const level = el("label", { class: "tick" }, box, "one level harder");
  return el("div", { id: "ask" }, ...(names.length > 1 ? [...sliders.map(({ row }) => row), level, reset] : [level]));
}
