// Search: a chart is found if each word is in its title or its artist, whatever the case and the accents.

const SHOWN_RESULTS = 60;
const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
const folded = Object.fromEntries(["title", "artist"].map((name) => [name, charts.texts[name].names.map(fold)]));

/** Which charts the query finds, as 0 and 1; null for an empty query. */
function search(query) {
  const words = fold(query).split(/\s+/).filter(Boolean);
  if (!words.length) return null;
  const found = new Uint8Array(charts.count).fill(1);
  for (const word of words) {
    const [titles, artists] = ["title", "artist"].map((name) => folded[name].map((text) => text.includes(word)));
    const { title, artist } = charts.texts;
    for (let i = 0; i < charts.count; i++) if (!titles[title.codes[i]] && !artists[artist.codes[i]]) found[i] = 0;
  }
  return found;
}

/** The charts where `found` and `kept` are 1: titles that start with the query first, then by title and difficulty. */
function ranked(found, kept, query) {
  const start = fold(query).trim();
  const starts = folded.title.map((title) => (title.startsWith(start) ? 0 : 1));
  const titles = charts.texts.title.codes;
  const rows = [];
  for (let i = 0; i < charts.count; i++) if (found[i] && kept[i]) rows.push(i);
  return rows.sort((a, b) => starts[titles[a]] - starts[titles[b]] || titles[a] - titles[b] || charts.song[a] - charts.song[b]
    || byDifficulty(a, b));
}

/** The search box and its list: `onQuery` gets what charts are found, `onPick` the chosen one. */
function searchBox({ input, list, note }, onQuery, onPick) {
  let [rows, current] = [[], -1];
  const close = () => { list.hidden = true; current = -1; input.setAttribute("aria-expanded", "false"); input.removeAttribute("aria-activedescendant"); };
  const pick = (chart) => { close(); onPick(chart); };
  const point = (to) => {
    list.children[current]?.setAttribute("aria-selected", "false");
    current = (to + list.children.length) % list.children.length;
    list.children[current].setAttribute("aria-selected", "true");
    list.children[current].scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", list.children[current].id);
  };
  const show = (kept) => {
    const found = search(input.value);
    note.hidden = list.hidden = !found;
    if (!found) { close(); return; }
    rows = ranked(found, kept, input.value);
    const all = found.reduce((sum, one) => sum + one, 0);
    const filtered = all > rows.length ? `, ${(all - rows.length).toLocaleString("en")} more behind the filters` : "";
    const first = rows.length > SHOWN_RESULTS ? `, the first ${SHOWN_RESULTS} listed` : "";
    note.textContent = `${rows.length.toLocaleString("en")} found${first}${filtered}`;
    list.replaceChildren(...rows.slice(0, SHOWN_RESULTS).map((chart, i) => result(chart, i, pick)));
    list.hidden = !rows.length;
    list.scrollTop = 0;
    current = -1;
    input.setAttribute("aria-expanded", String(rows.length > 0));
  };
  input.addEventListener("input", () => onQuery());
  input.addEventListener("focus", () => { if (input.value && rows.length) { list.hidden = false; input.setAttribute("aria-expanded", "true"); } });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" && rows.length) { list.hidden = false; point(current + 1); }
    else if (event.key === "ArrowUp" && rows.length) point(current < 0 ? -1 : current - 1);
    else if (event.key === "Enter" && rows.length) pick(rows[Math.max(current, 0)]);
    else if (event.key === "Escape") { input.value = ""; onQuery(); event.stopPropagation(); }
    else return;
    event.preventDefault();
  });
  return { show, close };
}

function result(chart, number, onPick) {
  return el("li", { id: `result-${number}`, role: "option", "aria-selected": "false", onclick: () => onPick(chart) },
    difficultySwatch(chart),
    el("span", { class: "grow" }, el("b", { dir: "auto" }, titleOf(chart)), el("small", { dir: "auto" }, textOf("artist", chart))),
    el("span", { class: "level" }, levelOf(chart)));
}
