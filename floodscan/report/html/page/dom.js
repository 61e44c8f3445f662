// Elements are made here, and nowhere from markup: texts of catalogs stay texts.

const SVG = "http://www.w3.org/2000/svg";

function build(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
  return element;
}

const h = (name, attributes, ...children) =>
  build(document.createElement(name), attributes, children);

const s = (name, attributes, ...children) =>
  build(document.createElementNS(SVG, name), attributes, children);

const find = (id) => document.getElementById(id);

const svgRoot = (width, height, label, ...children) =>
  s("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }, ...children);

/** A table of plain cells; a cell is a text, an element, or null. Numbers stand on the right. */
function plainTable(header, rows, { numbers = new Set(), caption } = {}) {
  const side = (column) => (numbers.has(column) ? "number" : null);
  return h("table", null,
    caption && h("caption", null, caption),
    h("thead", null, h("tr", null,
      header.map((name, column) => h("th", { scope: "col", class: side(column) }, name)))),
    h("tbody", null, rows.map((cells) => h("tr", null,
      cells.map((cell, column) =>
        h("td", { class: side(column), "data-name": header[column] }, cell ?? "–"))))));
}
