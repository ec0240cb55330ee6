// Charts over time: uPlot draws, and this gives them a legend that tells the figures of a second, for the pointer, for the
// keyboard (arrows, Page Up and Down, Home, End, Escape) and for who listens.

import { h, text, tint, color, swatch } from "./dom.js";
import { clock, minute, none } from "./format.js";

export const shownSeconds = 300; // the horizontal axis: it wanders, and does not stretch

const font = '11px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

// A chart has series {name, color}, all drawn over the seconds of `x`. Options:
//   label    what it shows
//   format   of a figure
//   stacked  areas on one another, else lines
//   log      the vertical axis is logarithmic
//   topFirst the legend begins with what is drawn last
//   sparse   what there is nothing of is not in the legend
//   least    how far the vertical axis goes at least
export class Chart {
  constructor(box, options) {
    this.options = options;
    this.raw = options.series.map(() => []);
    this.x = [];
    this.values = options.series.map(() => h("span", { class: "value" }, none));
    this.items = options.series.map((s, i) => h("li", null, swatch(s.color), s.name, this.values[i]));
    this.legend = h("ul", { class: "legend" }, options.topFirst ? this.items.toReversed() : this.items);
    this.when = h("span", { class: "when" });
    this.plot = h("div", { class: "plot" });
    box.append(h("div", { class: "legend-row" }, this.legend, this.when), this.plot);
    slider(this.plot, options.label, this);
    this.uplot = new uPlot(this.settings(), this.stack(), this.plot);
    new ResizeObserver(() => this.resize()).observe(this.plot);
    addEventListener("themechange", () => this.uplot.redraw(false));
  }

  settings() {
    const { options } = this;
    const axis = { font, stroke: () => color("muted"), grid: { stroke: () => color("grid"), width: 1 }, ticks: { show: false } };
    const n = options.series.length;
    return {
      ...this.size(),
      padding: [6, 6, 0, 0],
      legend: { show: false },
      cursor: { sync: { key: "time" }, drag: { x: false, y: false }, points: { size: 5 }, y: false },
      scales: {
        x: { time: true, range: (_, __, last) => [last - shownSeconds, last] },
        y: options.log
          ? { distr: 3, range: (_, least, most) => decades(least, most, options.least) }
          : { range: (_, __, most) => [0, Math.max(most * 1.08, options.least ?? 1)] },
      },
      axes: [
        { ...axis, size: 20, gap: 3, incrs: [60, 120, 300], values: (u, at) => at.map((s) => (u.scales.x.max - s < 14 || s - u.scales.x.min < 14 ? "" : minute(s * 1000))), grid: { show: false } },
        { ...axis, size: 52, gap: 4, space: 24, splits: options.log ? (_, __, least, most) => steps(least, most) : undefined, filter: (_, splits) => splits, values: (_, at) => at.map((v) => (v == null ? "" : options.format(v))) },
      ],
      series: [
        {},
        ...options.series.map((s) => ({
          stroke: () => color(s.color),
          fill: options.stacked ? () => color(s.color, 0.72) : undefined,
          width: options.stacked ? 0 : 1.5, // the edge of an area of nothing would be seen
          points: { show: false },
          spanGaps: false,
        })),
      ],
      bands: options.stacked ? Array.from({ length: n - 1 }, (_, i) => ({ series: [i + 2, i + 1] })) : undefined,
      hooks: { setCursor: [() => this.tell()] },
    };
  }

  size() {
    const box = this.plot.getBoundingClientRect();
    return { width: Math.max(120, Math.floor(box.width)), height: Math.max(60, Math.floor(box.height)) };
  }

  resize() {
    const { width, height } = this.size();
    if (width !== this.uplot.width || height !== this.uplot.height) this.uplot.setSize({ width, height });
  }

  stack() {
    if (!this.options.stacked) return [this.x, ...this.raw];
    const sums = new Array(this.x.length).fill(0);
    return [this.x, ...this.raw.map((column) => column.map((v, i) => (sums[i] += v ?? 0)))];
  }

  // update shows columns, one a series, over the milliseconds of at.
  update(at, columns) {
    this.x = at.map((ms) => ms / 1000);
    this.raw = columns;
    this.uplot.setData(this.stack());
    if (this.options.sparse) this.hide();
    this.tell();
  }

  // hide leaves out of the legend what there has been nothing of, but the first.
  hide() {
    this.items.forEach((li, k) => (li.hidden = k > 0 && !this.raw[k].some((v) => v > 0)));
  }

  get length() {
    return this.x.length;
  }

  // index of the second that is pointed at; of the last one when none is.
  get index() {
    return this.uplot?.cursor.idx ?? this.x.length - 1;
  }

  get pointed() {
    return this.uplot?.cursor.left >= 0 && this.uplot.cursor.idx != null;
  }

  point(i) {
    this.uplot.setCursor(i == null ? { left: -10, top: -10 } : { left: this.uplot.valToPos(this.x[i], "x"), top: 1 });
  }

  tell() {
    if (!this.uplot) return;
    const i = this.index;
    this.values.forEach((e, k) => text(e, this.raw[k][i] == null ? none : this.options.format(this.raw[k][i])));
    text(this.when, this.pointed ? clock(this.x[i] * 1000) : "");
    told(this.plot, this, this.x[i] * 1000, this.options.series.map((s, k) => `${s.name} ${this.values[k].textContent}`).join(", "));
  }
}

// decades are bounds of a logarithmic axis, at 1, 2 or 5 of a power of ten.
function decades(least, most, floor = 1e-4) {
  if (!(least > 0) || !(most > 0)) return [floor, floor * 100];
  const round = (v, up) => {
    const power = 10 ** Math.floor(Math.log10(v) + 1e-9);
    const steps = [1, 2, 5, 10].map((s) => s * power);
    return up ? steps.find((s) => s >= v * 0.999) : steps.findLast((s) => s <= v * 1.001);
  };
  return [round(least, false), Math.max(round(most, true), 10 * round(least, false))];
}

// steps are the lines of a logarithmic axis: so many that they can be told apart.
function steps(least, most) {
  const all = (of) => {
    const found = [];
    for (let power = -7; power < 3; power++) for (const s of of) if (s * 10 ** power >= least * 0.999 && s * 10 ** power <= most * 1.001) found.push(s * 10 ** power);
    return found;
  };
  const fine = all([1, 2, 5]);
  return fine.length <= 9 ? fine : all([1]);
}

// slider makes an element one that goes through the seconds of what it shows: it has length, index, and point(index).
export function slider(element, label, shown) {
  for (const [name, value] of Object.entries({ tabindex: 0, role: "slider", "aria-label": label, "aria-valuemin": -300, "aria-valuemax": 0, "aria-valuenow": 0, "aria-valuetext": "nothing yet" })) {
    element.setAttribute(name, value);
  }
  element.addEventListener("keydown", (e) => {
    const last = shown.length - 1;
    const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -30, PageUp: 30, Home: -last, End: last }[e.key];
    if (e.key === "Escape") shown.point(null);
    else if (step && last >= 0) shown.point(Math.min(Math.max(shown.index + step, 0), last));
    else return;
    e.preventDefault();
  });
  element.addEventListener("blur", () => shown.point(null));
}

// told says what is pointed at, for who listens.
export function told(element, shown, at, what) {
  const back = Math.max(-300, shown.index - shown.length + 1);
  element.setAttribute("aria-valuenow", back);
  element.setAttribute("aria-valuetext", shown.length ? `${clock(at)}: ${what}` : "nothing yet");
}

// spark draws a small line of what was.
export function spark(canvas, column, name) {
  const { width, height, context: c } = prepare(canvas);
  if (!width) return;
  let top = 0;
  for (const v of column) top = Math.max(top, v ?? 0);
  if (!top) return;
  const x = (i) => width - ((column.length - 1 - i) / (shownSeconds - 1)) * width;
  const y = (v) => height - 1 - (v / top) * (height - 3);
  const line = () => {
    c.beginPath();
    let down = false;
    column.forEach((v, i) => {
      if (v == null) return;
      if (down) c.lineTo(x(i), y(v));
      else c.moveTo(x(i), y(v));
      down = true;
    });
  };
  line();
  c.strokeStyle = color(name);
  c.lineWidth = 1.25;
  c.lineJoin = "round";
  c.stroke();
  c.lineTo(width, height);
  c.lineTo(x(column.findIndex((v) => v != null)), height);
  c.fillStyle = color(name, 0.14);
  c.fill();
}

// prepare clears a canvas, which has a pixel for each of the screen's.
export function prepare(canvas) {
  const ratio = devicePixelRatio || 1;
  const { width, height } = canvas.getBoundingClientRect();
  const w = Math.round(width * ratio);
  const t = Math.round(height * ratio);
  if (canvas.width !== w || canvas.height !== t) {
    canvas.width = w;
    canvas.height = t;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { width, height, context };
}

// bar draws shares side by side: parts are [name, value, color].
export function bar(parts, whole, format) {
  return h("span", { class: "bar" }, parts.filter(([, v]) => v > 0).map(([name, v, c]) => {
    const e = tint(h("span", { title: `${name} ${format(v)}` }), c);
    e.style.width = `${((100 * v) / whole).toFixed(2)}%`;
    return e;
  }));
}
