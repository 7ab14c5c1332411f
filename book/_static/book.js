/* What the theme's finished page lacks for keyboards, screen readers and printers. Loaded by every page of the book. */

/* A button's name has to hold the words that are seen on it, or who speaks to the machine cannot press it. */
function nameButtons() {
  const names = { "search-button-field": "Search Ctrl+K", "theme-switch-button": "Color mode: Light, Dark, System Settings" };
  for (const [kind, name] of Object.entries(names)) {
    document.querySelectorAll(`button.${kind}`).forEach((button) => button.setAttribute("aria-label", name));
  }
}

/* The indices are columns of links, laid out by a table that has no rows or headers to tell. */
function untableIndices() {
  document.querySelectorAll("table.indextable").forEach((table) => table.setAttribute("role", "presentation"));
}

/* What scrolls inside of the page can be reached by the tab key, and scrolled by the arrow keys then. */
function reachWhatScrolls() {
  document.querySelectorAll(".bd-article :is(table, pre, .cell_output, .output.text_html, .math, .highlight, .pst-scrollable-table-container, .dbp-scroll)")
    .forEach((box) => {
      const scrolls = box.scrollWidth > box.clientWidth + 1 && ["auto", "scroll"].includes(getComputedStyle(box).overflowX);
      if (scrolls && !box.matches(":has(a, button, input)")) box.tabIndex = 0;
    });
}

/* Paper is white: a page that is read in the dark is printed in the light. */
let readIn = null;
window.addEventListener("beforeprint", () => {
  readIn ??= document.documentElement.dataset.theme;
  document.documentElement.dataset.theme = "light";
});
window.addEventListener("afterprint", () => {
  document.documentElement.dataset.theme = readIn;
  readIn = null;
});

window.addEventListener("load", () => {
  nameButtons();
  untableIndices();
  reachWhatScrolls();
  window.addEventListener("resize", reachWhatScrolls);
});
