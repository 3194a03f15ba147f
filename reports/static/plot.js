// Figures that tell the value under the pointer: the nearest row of the table behind the figure, whose place in every
// panel is its data-at. data-plot of a panel says where its axes lie in the drawing and what they span. Nobody needs
// this: the table has all the values.
const FARTHEST = 60; // units of a drawing from the pointer to a place that is still told

const tip = make("div", { class: "tip", "aria-hidden": "true" });
const ring = document.createElementNS("http://www.w3.org/2000/svg", "circle");
ring.setAttribute("class", "ring");
ring.setAttribute("r", "7");

const scales = { linear: (value) => value, log: Math.log };

// From a value to its place in the drawing, along one axis; null for a scale that this script doesn't know.
function axis([from, to], [low, high], name) {
  const scale = scales[name];
  if (!scale) return null;
  const [start, end] = [scale(low), scale(high)];
  return (value) => from + ((to - from) * (scale(value) - start)) / (end - start);
}

function placesOf(panel, number, rows) {
  const [box, span, [across, up]] = JSON.parse(panel.dataset.plot);
  const x = axis(box.slice(0, 2), span.slice(0, 2), across);
  const y = axis(box.slice(2), span.slice(2), up);
  if (!x || !y) return [];
  const places = [];
  for (const row of rows) {
    const at = row.dataset.at.split(";")[number];
    if (!at) continue;
    const [right, top] = at.split(",").map(Number);
    const place = { row, x: x(right), y: y(top) };
    if (Number.isFinite(place.x) && Number.isFinite(place.y)) places.push(place);
  }
  return places;
}

function nearest(places, x, y) {
  let found = null;
  let least = FARTHEST;
  for (const place of places) {
    const distance = Math.hypot(place.x - x, place.y - y);
    if (distance < least) [found, least] = [place, distance];
  }
  return found;
}

function tell(place, heads, others) {
  const lines = [...place.row.cells].map((cell, number) => {
    const text = make("b", {}, cell.textContent.trim());
    return make("span", {}, `${heads[number]?.textContent.trim() ?? ""} `, text);
  });
  tip.replaceChildren(...lines);
  if (others) tip.append(make("span", {}, `and ${others} more at this place`));
}

// Beside the ring, and where the screen ends there, on its other side.
function put() {
  const { left, right, top, bottom } = ring.getBoundingClientRect();
  const { width, height } = tip.getBoundingClientRect();
  const room = document.documentElement.clientWidth;
  const x = right + 8 + width <= room ? right + 8 : left - 8 - width;
  const y = top - height >= 0 ? top - height : bottom;
  tip.style.transform = `translate(${Math.max(4, Math.min(x, room - width - 4))}px, ${y}px)`;
}

function forget() {
  ring.remove();
  tip.remove();
}

for (const figure of document.querySelectorAll("figure.plot")) {
  const table = figure.querySelector("table.values");
  const rows = table ? [...table.querySelectorAll("tr[data-at]")] : [];
  const heads = table?.tHead ? [...table.tHead.rows[0].cells] : [];
  figure.querySelectorAll(".panel svg").forEach((panel, number) => {
    if (!panel.dataset.plot || !rows.length) return;
    let places = null; // made when they are first needed: most figures are never touched
    const point = (event) => {
      places ??= placesOf(panel, number, rows);
      const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(panel.getScreenCTM().inverse());
      const place = nearest(places, x, y);
      if (!place) return forget();
      tell(place, heads, places.filter((one) => Math.hypot(one.x - place.x, one.y - place.y) < 0.5).length - 1);
      ring.setAttribute("cx", place.x);
      ring.setAttribute("cy", place.y);
      panel.append(ring);
      document.body.append(tip);
      put();
    };
    panel.addEventListener("pointermove", point);
    panel.addEventListener("pointerdown", point);
    // A finger that is lifted leaves the panel too, and its reader wants to go on reading.
    panel.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && forget());
  });
}

addEventListener("keydown", (event) => event.key === "Escape" && forget());
addEventListener("scroll", forget, { passive: true, capture: true });
addEventListener("pointerdown", (event) => event.target.closest?.(".panel svg") || forget());
