// Elements, made in one expression. Texts are texts: nothing that comes from anywhere becomes markup.

export const $ = (id) => document.getElementById(id);

// h makes an element: h("td", {class: "number"}, "3", other).
export function h(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) e.addEventListener(name.slice(2), value);
    else if (value === true) e.setAttribute(name, "");
    else if (value !== false && value != null) e.setAttribute(name, value);
  }
  e.append(...children.flat().filter((c) => c != null && c !== false));
  return e;
}

// text sets an element's text, if it is another.
export function text(e, value) {
  if (e.textContent !== value) e.textContent = value;
}

// fill replaces what is in an element, unless it would look the same: who reads it, or is in it with the keyboard, is
// not disturbed.
export function fill(e, ...children) {
  const next = h("div", null, ...children);
  if (e.innerHTML === next.innerHTML) return;
  e.replaceChildren(...next.childNodes);
}

// width sets how wide a bar is, from 0 to 1. Content-Security-Policy lets scripts do that, and markup not.
export function width(e, share) {
  e.style.width = `${(100 * Math.min(Math.max(share, 0), 1)).toFixed(2)}%`;
  return e;
}

// tint gives an element a colour of the palette: for what is written, and for what is filled, which may be lighter.
export function tint(e, color) {
  e.style.setProperty("--tint", `var(--${color})`);
  e.style.setProperty("--fill", `var(--fill-${color}, var(--${color}))`);
  return e;
}

export const swatch = (color) => tint(h("span", { class: "swatch", "aria-hidden": "true" }), color);

export const nothing = (what) => h("p", { class: "nothing" }, what);

// table makes a table of rows of cells; columns are [head, class].
export function table(caption, columns, rows) {
  return h("table", null,
    h("caption", { class: "unseen" }, caption),
    h("thead", null, h("tr", null, columns.map(([head, kind]) => h("th", { scope: "col", class: kind }, head)))),
    h("tbody", null, rows.map((cells) => h("tr", null, cells.map((c, i) => h("td", { class: columns[i][1] }, c))))));
}

// color returns a colour of the palette, as it is now, for what is filled.
const known = new Map();
addEventListener("themechange", () => known.clear());
export function color(name, alpha = 1) {
  const key = name + alpha;
  if (!known.has(key)) {
    const style = getComputedStyle(document.documentElement);
    const hex = (style.getPropertyValue(`--fill-${name}`) || style.getPropertyValue(`--${name}`)).trim();
    const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
    known.set(key, `rgba(${r}, ${g}, ${b}, ${alpha})`);
  }
  return known.get(key);
}
