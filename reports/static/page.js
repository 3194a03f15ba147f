"use strict";

// Tables sort by a click on a column's head, or by Enter or Space on it. Rows without a value stay last.
const collator = new Intl.Collator("en", { numeric: true });

const opposite = { ascending: "descending", descending: "ascending" };

function valueOf(row, column) {
  const cell = row.cells[column];
  if (cell.dataset.value === undefined) return cell.textContent.trim();
  return cell.dataset.value === "" ? null : Number(cell.dataset.value);
}

function compare(a, b) {
  return typeof a === "number" ? a - b : collator.compare(a, b);
}

function sort(table, column, direction) {
  const body = table.tBodies[0];
  const sign = direction === "ascending" ? 1 : -1;
  const rows = [...body.rows].map((row) => [valueOf(row, column), row]);
  rows.sort(([a], [b]) => (a === null || b === null ? (a === null) - (b === null) : sign * compare(a, b)));
  body.append(...rows.map(([, row]) => row));
}

function makeSortable(table, status) {
  const heads = [...table.tHead.rows[0].cells];
  const hint = document.createElement("span");
  hint.className = "hint";
  hint.textContent = " Select a column head to sort.";
  table.caption.firstElementChild.append(hint);
  heads.forEach((head, column) => {
    if ("fixed" in head.dataset) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const direction = opposite[head.getAttribute("aria-sort")] ?? head.dataset.first ?? "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", direction);
      sort(table, column, direction);
      status.textContent = `Sorted by ${button.textContent}, ${direction}.`;
    });
  });
}

const status = document.createElement("p");
status.className = "hidden";
status.setAttribute("role", "status");
document.body.append(status);
document.querySelectorAll("table[data-sortable]").forEach((table) => makeSortable(table, status));
