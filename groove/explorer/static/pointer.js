// How pointer, wheel, fingers and keys move the map and choose charts.

/** Let pointer, wheel and keys move `map`; `onPick` gets the chart that was clicked, `onHover` the one pointed at (or -1). */
function listen(map, onPick, onHover) {
  const { marks } = map;
  const down = new Map();
  let travelled = 0;
  const spot = (event) => { const box = marks.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };

  marks.addEventListener("pointerdown", (event) => {
    marks.setPointerCapture(event.pointerId);
    if (!down.size) travelled = 0;
    down.set(event.pointerId, spot(event));
    onHover(-1);
  });
  marks.addEventListener("pointermove", (event) => {
    const now = spot(event);
    if (!down.has(event.pointerId)) { onHover(map.at(...now), now); return; }
    const before = down.get(event.pointerId);
    const other = [...down].find(([id]) => id !== event.pointerId)?.[1];
    down.set(event.pointerId, now);
    travelled += Math.hypot(now[0] - before[0], now[1] - before[1]);
    if (other) pinch(map, before, now, other);
    else if (travelled > 4) map.pan(now[0] - before[0], now[1] - before[1]);
    marks.classList.toggle("moving", travelled > 4);
  });
  const up = (event) => {
    if (!down.delete(event.pointerId)) return;
    marks.classList.remove("moving");
    const reach = event.pointerType === "mouse" ? undefined : 18; // fingers are broad
    if (event.type === "pointerup" && travelled <= 4 && !down.size) onPick(map.at(...spot(event), reach));
  };
  marks.addEventListener("pointerup", up);
  marks.addEventListener("pointercancel", up);
  marks.addEventListener("pointerleave", () => onHover(-1));
  marks.addEventListener("wheel", (event) => {
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === 1 ? 16 : 1);
    map.zoom(Math.exp(-Math.min(Math.max(pixels, -300), 300) * 0.002), ...spot(event));
  }, { passive: false });
  marks.addEventListener("dblclick", (event) => map.zoom(2, ...spot(event)));
  marks.addEventListener("keydown", (event) => {
    const actions = {
      ArrowLeft: () => map.pan(60, 0), ArrowRight: () => map.pan(-60, 0), ArrowUp: () => map.pan(0, 60),
      ArrowDown: () => map.pan(0, -60), "+": () => map.zoom(1.4), "=": () => map.zoom(1.4), "-": () => map.zoom(1 / 1.4),
      0: () => map.fit(), Enter: () => onPick(map.at(map.width / 2, map.height / 2, map.width)),
    };
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in actions)) return;
    event.preventDefault();
    actions[event.key]();
  });
}

function pinch(map, before, now, other) {
  const apart = ([ax, ay], [bx, by]) => Math.max(Math.hypot(ax - bx, ay - by), 1);
  map.zoom(apart(now, other) / apart(before, other), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
  map.pan((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
}
