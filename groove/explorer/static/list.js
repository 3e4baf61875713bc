// A list of charts, to be written as a file for the game or a table. What the game cannot hold is said in the file.

const list = [];

function listButton(chart, onChange) {
  const words = () => (list.includes(chart) ? "remove from the list" : "add to the list");
  const button = el("button", { type: "button", class: "chip", id: "listed", onclick: () => {
    if (list.includes(chart)) list.splice(list.indexOf(chart), 1);
    else list.push(chart);
    button.textContent = words();
    onChange();
  } }, words());
  return button;
}

const COLUMNS = ["title", "artist", "pack", "difficulty", "simfile"];
const quoted = (text) => `"${String(text).replaceAll('"', '""')}"`;

const FORMATS = {
  "list.csv": () => [[...COLUMNS, "meter", "bpm"].join(","), ...list.map((chart) =>
    [...COLUMNS.map((name) => quoted(textOf(name, chart))), numberOf("meter", chart), numberOf("bpm", chart)].join(","))],
  "list.crs": () => ["#COURSE:groove;", ...list.map((chart) => textOf("course", chart))],
  "favorites.txt": () => ["---groove", ...new Set(list.map((chart) => textOf("preferred", chart)).filter(Boolean))],
};

/** Show the list in `host`; `onPick` gets a chart that was clicked. */
function showList(host, onPick) {
  const save = (name) => {
    const link = el("a", { download: name, href: URL.createObjectURL(new Blob([`${FORMATS[name]().join("\n")}\n`])) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  host.hidden = !list.length;
  host.replaceChildren(el("summary", {}, `List (${list.length})`),
    el("ul", {}, ...list.map((chart) => el("li", {}, el("button", { type: "button", class: "chip", onclick: () => onPick(chart) },
      difficultySwatch(chart), `${titleOf(chart)} ${levelOf(chart)}`)))),
    ...Object.keys(FORMATS).map((name) => el("button", { type: "button", class: "chip save", onclick: () => save(name) }, name)));
}
