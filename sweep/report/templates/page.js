"use strict";
// Tables sort and filter. Without this file everything is there to be read all the same.
(() => {
  const LEAST = 6; // rows from which on a table is worth a filter
  const key = (row, place, numeric) => {
    const cell = row.cells[place];
    if (!numeric) return cell.textContent.trim();
    return cell.dataset.value === undefined ? null : Number(cell.dataset.value);
  };
  const compare = (a, b) =>
    typeof a === "string" ? a.localeCompare(b, undefined, { numeric: true }) : a - b;

  function sort(table, place, numeric) {
    const heads = [...table.tHead.rows[0].cells];
    const first = numeric ? "descending" : "ascending";
    const now = heads[place].getAttribute("aria-sort");
    const next = now === null ? first : now === "ascending" ? "descending" : "ascending";
    heads.forEach((head) => head.removeAttribute("aria-sort"));
    heads[place].setAttribute("aria-sort", next);
    const sign = next === "ascending" ? 1 : -1;
    const body = table.tBodies[0];
    const keyed = [...body.rows].map((row) => [key(row, place, numeric), row]);
    keyed.sort(([a], [b]) => {
      const last = (one) => one === null || one === "";
      return last(a) || last(b) ? last(a) - last(b) : sign * compare(a, b);
    });
    body.append(...keyed.map(([, row]) => row));
  }

  function filter(figure, table) {
    const rows = [...table.tBodies[0].rows];
    const label = document.createElement("label");
    const input = document.createElement("input");
    const told = document.createElement("output");
    label.className = "filter";
    input.type = "search";
    input.spellcheck = false;
    label.append("Rows with the words ", input, told);
    const texts = rows.map((row) => row.textContent.toLowerCase());
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      rows.forEach((row, place) => {
        row.hidden = !words.every((word) => texts[place].includes(word));
        shown += !row.hidden;
      });
      told.textContent = words.length ? `${shown} of ${rows.length}` : "";
    });
    figure.querySelector(".box").before(label);
  }

  document.querySelectorAll("figure.list").forEach((figure) => {
    const table = figure.querySelector("table");
    [...table.tHead.rows[0].cells].forEach((head, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      button.addEventListener("click", () => sort(table, place, head.classList.contains("num")));
      head.append(button);
    });
    if (table.tBodies[0].rows.length >= LEAST) filter(figure, table);
  });

  // A link to a row that a filter hides, or that is folded up, shows it.
  function show() {
    const row = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!row) return;
    const figure = row.closest("figure");
    const input = row.hidden && figure && figure.querySelector("input");
    if (input) {
      input.value = "";
      input.dispatchEvent(new Event("input"));
    }
    for (let up = row.closest("details"); up; up = up.parentElement.closest("details")) up.open = true;
    row.scrollIntoView({ block: "center" });
  }
  addEventListener("hashchange", show);
  show();
})();
