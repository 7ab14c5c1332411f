/* A table of cells is sorted by the headings of its columns: by mouse, by keyboard, and said aloud. Without this script it
   is the same table in the order of the paper. */

function valueOf(row, column) {
  const cell = row.cells[column], number = parseFloat(cell.dataset.value ?? cell.textContent);
  return Number.isNaN(number) ? cell.textContent.trim() : number;
}

/* Numbers before texts in either order, so that what was not run stands last; equal rows stay as they are. */
function compare(one, other, sign) {
  if (typeof one !== typeof other) return typeof one === "number" ? -1 : 1;
  return sign * (typeof one === "number" ? one - other : one.localeCompare(other));
}

function sortBy(table, column) {
  const heads = [...table.tHead.rows[0].cells], head = heads[column];
  const down = head.getAttribute("aria-sort") === "ascending";
  heads.forEach((other) => other.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const rows = [...table.tBodies[0].rows];
  rows.sort((a, b) => compare(valueOf(a, column), valueOf(b, column), down ? -1 : 1));
  table.tBodies[0].append(...rows);
}

document.querySelectorAll("table.dbp-sortable").forEach((table) => {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.title = "Sort by this column";
    button.addEventListener("click", () => sortBy(table, column));
    head.replaceChildren(button);
  });
});
