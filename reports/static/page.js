// Tables that sort, filter and hide columns, and addresses that keep such a view. `make` and `announced` are in base.js.
const collator = new Intl.Collator("en", { numeric: true });

const opposite = { ascending: "descending", descending: "ascending" };

function nameOf(head) {
  // Of a head with a scale or a unit below it, only the first words.
  const words = [...head.childNodes].find((node) => node.textContent.trim());
  return head.dataset.name ?? (words?.textContent.trim() || "Without a name");
}

function valueOf(row, column) {
  const cell = row.cells[column];
  if (cell?.dataset.value === undefined) return cell?.textContent.trim() ?? null;
  return cell.dataset.value === "" ? null : Number(cell.dataset.value);
}

function unitOf(row, column) {
  return row.cells[column]?.dataset.unit ?? "";
}

function compare(a, b) {
  return typeof a === "number" && typeof b === "number" ? a - b : collator.compare(a, b);
}

// A table and how it is seen: `sorted` is the number of a column, from 1, negative when descending, and 0 for the order
// of the page; `query` is what rows must contain; `hidden` are numbers of columns.
class View {
  sorted = 0;
  query = "";
  hidden = new Set();

  constructor(table) {
    this.table = table;
    this.box = table.closest(".scroll") ?? table;
    this.body = table.tBodies[0];
    this.rows = [...this.body.rows];
    this.heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
    this.names = this.heads.map(nameOf);
    this.directions = this.heads.map((head) => head.getAttribute("aria-sort"));
    const controls = make("div", { class: "controls" });
    if ("filterable" in table.dataset && this.rows.length > 1) this.makeFilter(controls);
    if ("columns" in table.dataset) this.makeChooser(controls);
    if ("sortable" in table.dataset) this.makeSortable();
    if (controls.firstChild) this.box.before(controls);
  }

  // Sorting: a click on a column's head, or Enter or Space on it. Rows without a value stay last.
  makeSortable() {
    const hint = make("span", { class: "hint" }, " Select a column head to sort.");
    (this.table.caption?.firstElementChild ?? this.table.caption)?.append(hint);
    this.heads.forEach((head, column) => {
      if ("fixed" in head.dataset) return;
      const button = make("button", { type: "button" }, ...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const direction = opposite[head.getAttribute("aria-sort")] ?? head.dataset.first ?? "ascending";
        this.sort(direction === "ascending" ? column + 1 : -column - 1);
        announced.textContent = `Sorted by ${this.names[column]}, ${direction}.`;
        remember();
      });
    });
  }

  sort(by) {
    const column = Math.abs(by) - 1;
    const head = this.heads[column];
    if (by && (!head || "fixed" in head.dataset || !("sortable" in this.table.dataset))) return;
    this.sorted = by;
    const rows = this.rows.map((row) => (by ? [valueOf(row, column), unitOf(row, column), row] : [0, "", row]));
    // Always from the order of the page, so that an address with this number means one order of the rows. What has
    // another unit, as errors beside accuracies, stands apart in both directions.
    rows.sort(([a, ofA], [b, ofB]) =>
      a === null || b === null
        ? (a === null) - (b === null)
        : collator.compare(ofA, ofB) || Math.sign(by) * compare(a, b),
    );
    this.body.append(...rows.map(([, , row]) => row));
    this.heads.forEach((other, number) => {
      const direction = by ? (other === head ? (by > 0 ? "ascending" : "descending") : null) : this.directions[number];
      if (direction) other.setAttribute("aria-sort", direction);
      else other.removeAttribute("aria-sort");
    });
  }

  // The filter: rows stay that have the text in one of their cells, in large or small letters.
  makeFilter(controls) {
    this.texts = this.rows.map((row) => [...row.cells].map((cell) => cell.textContent.toLowerCase()));
    this.field = make("input", { type: "search", autocomplete: "off", spellcheck: "false" });
    this.count = make("span", { role: "status", class: "count" });
    this.field.addEventListener("input", () => {
      this.filter(this.field.value);
      remember();
    });
    controls.append(make("label", {}, "Filter rows ", this.field), this.count);
  }

  filter(query) {
    if (!this.field) return;
    this.query = query;
    if (this.field.value !== query) this.field.value = query;
    const wanted = query.trim().toLowerCase();
    let shown = 0;
    this.rows.forEach((row, number) => {
      row.hidden = !this.texts[number].some((text) => text.includes(wanted));
      shown += row.hidden ? 0 : 1;
    });
    this.count.textContent = wanted ? `${shown} of ${this.rows.length} rows` : "";
  }

  // The chooser: a box a column. The first column and the one that names the rows are always shown.
  makeChooser(controls) {
    this.boxes = this.names.map((name, column) => {
      if (column === 0 || this.rows[0]?.cells[column]?.tagName === "TH") return null;
      const box = make("input", { type: "checkbox" });
      box.checked = true;
      box.addEventListener("change", () => {
        this.hide(this.boxes.flatMap((one, number) => (one && !one.checked ? [number + 1] : [])));
        remember();
      });
      return box;
    });
    const labels = this.boxes.flatMap((box, column) => (box ? [make("label", {}, box, ` ${this.names[column]}`)] : []));
    const list = make("fieldset", {}, make("legend", { class: "hidden" }, "Columns that are shown"), ...labels);
    if (labels.length) controls.append(make("details", { class: "chooser" }, make("summary", {}, "Columns"), list));
  }

  hide(columns) {
    if (!this.boxes) return;
    this.hidden = new Set(columns.filter((number) => this.boxes[number - 1]));
    this.boxes.forEach((box, column) => {
      if (box) box.checked = !this.hidden.has(column + 1);
    });
    for (const row of [...this.table.tHead.rows, ...this.rows]) {
      [...row.cells].forEach((cell, column) => (cell.hidden = this.hidden.has(column + 1)));
    }
  }

  // The view as a part of an address, "ranking-psmnist:sort=-3&q=corn&hide=5,6", and back; "" is how the page came.
  get address() {
    const parts = new URLSearchParams();
    if (this.sorted) parts.set("sort", this.sorted);
    if (this.query) parts.set("q", this.query);
    if (this.hidden.size) parts.set("hide", [...this.hidden].sort((a, b) => a - b));
    const text = parts.toString().replaceAll("%2C", ",");
    return text && this.table.id ? `${this.table.id}:${text}` : "";
  }

  restore(text) {
    const parts = new URLSearchParams(text);
    const numbers = (name) => (parts.get(name) ?? "").split(",").filter((one) => /^-?\d{1,4}$/.test(one)).map(Number);
    this.sort(0);
    this.sort(numbers("sort")[0] ?? 0);
    this.filter(parts.get("q") ?? "");
    this.hide(numbers("hide"));
  }
}

const views = [...document.querySelectorAll("table:is([data-sortable], [data-filterable], [data-columns])")]
  .filter((table) => table.tHead && table.tBodies.length)
  .map((table) => new View(table));

// All views that are not as the page came stand behind the # of its address, with ";" between them.
const written = () => views.map((view) => view.address).filter(Boolean).join(";");

function remember() {
  const state = written();
  if (!state && !location.hash.includes(":")) return; // nothing to keep, and an ordinary anchor stays
  const address = location.href.split("#")[0] + (state && `#${state}`);
  try {
    history.replaceState(null, "", address);
  } catch {
    location.replace(`#${state}`); // where a browser lets no script rewrite an address, or not so often
  }
}

function recall() {
  const hash = location.hash.slice(1);
  if (!hash.includes(":") || hash === written()) return;
  const parts = new Map(hash.split(";").map((part) => [part.split(":", 1)[0], part.slice(part.indexOf(":") + 1)]));
  const named = views.filter((view) => parts.has(view.table.id));
  if (!named.length) return;
  for (const view of views) view.restore(parts.get(view.table.id) ?? "");
  named[0].table.closest("details")?.setAttribute("open", "");
  named[0].box.closest("section, figure")?.scrollIntoView();
}

addEventListener("hashchange", recall);
recall();

// A chooser closes by Escape and by a press anywhere else.
addEventListener("keydown", (event) => {
  const open = event.key === "Escape" && event.target.closest?.(".chooser[open]");
  if (!open) return;
  open.open = false;
  open.firstElementChild.focus();
});
addEventListener("pointerdown", (event) => {
  for (const open of document.querySelectorAll(".chooser[open]")) if (!open.contains(event.target)) open.open = false;
});
