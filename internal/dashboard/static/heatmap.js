// How long requests took, over time: a column every few seconds, a row for each bucket of the histogram. The darker or
// brighter a cell, the more requests are in it.

import { h, text, color } from "./dom.js";
import { prepare, slider, told } from "./chart.js";
import { Buckets } from "./figures.js";
import { clock, minute, seconds, count } from "./format.js";

const left = 52; // as wide as the charts' axis
const below = 20;
const grain = 3; // seconds of a column

export class HeatMap {
  constructor(box, options) {
    this.options = options;
    this.columns = [];
    this.index = -1;
    this.canvas = h("canvas", null);
    this.plot = h("div", { class: "plot" }, this.canvas);
    this.what = h("span", { class: "value" });
    this.when = h("span", { class: "when" });
    box.append(h("div", { class: "legend-row" }, h("span", { class: "legend" }, this.what), this.when), this.plot);
    slider(this.plot, options.label, this);
    new ResizeObserver(() => this.draw()).observe(this.plot);
    addEventListener("themechange", () => this.draw());
    this.plot.addEventListener("pointermove", (e) => this.hover(e));
    this.plot.addEventListener("pointerleave", () => this.point(null));
  }

  get length() {
    return this.columns.length;
  }

  update(ticks, name, match, bounds, mark) {
    this.bounds = bounds;
    this.mark = mark;
    this.columns = [];
    // Columns end at whole multiples of the grain, so that they do not change as they wander.
    for (const t of ticks) {
      const slot = Math.floor(t.at / 1000 / grain);
      let c = this.columns.at(-1);
      if (c?.slot !== slot) {
        c = { slot, at: t.at, buckets: new Buckets(bounds.length + 1) };
        this.columns.push(c);
      }
      c.at = t.at;
      c.buckets.add(t, name, match);
    }
    this.from = ticks[0]?.at ?? 0;
    this.to = ticks.at(-1)?.at ?? 1;
    this.index = this.held ? Math.min(this.index, this.length - 1) : this.length - 1;
    this.draw();
    this.tell();
  }

  // rows are the buckets that have something in them, and one beside.
  rows() {
    let low = Infinity;
    let high = -1;
    for (const c of this.columns) {
      c.buckets.counts.forEach((n, i) => {
        if (n > 0) {
          low = Math.min(low, i);
          high = Math.max(high, i);
        }
      });
    }
    if (high < 0) return [2, 14];
    low = Math.max(0, low - 1);
    high = Math.min(this.bounds.length, Math.max(high + 1, low + 6));
    return [low, high];
  }

  draw() {
    if (!this.bounds) return;
    const { width, height, context: c } = prepare(this.canvas);
    const w = width - left - 6;
    const t = height - below - 6;
    if (w < 20 || t < 20) return;
    const [low, high] = this.rows();
    const tall = t / (high - low + 1);
    const span = Math.max(1, this.columns.length);
    const wide = w / Math.max(span, 300 / grain);
    const y = (bucket) => 6 + t - (bucket - low + 1) * tall;
    const x = (i) => left + w - (span - i) * wide;
    let most = 1;
    for (const col of this.columns) for (const n of col.buckets.counts) most = Math.max(most, n);
    c.fillStyle = color("heat");
    this.columns.forEach((col, i) => {
      for (let b = low; b <= high; b++) {
        const n = col.buckets.counts[b];
        if (!n) continue;
        c.globalAlpha = 0.12 + 0.88 * (Math.log1p(n) / Math.log1p(most));
        c.fillRect(x(i), y(b), Math.ceil(wide * 2) / 2, tall - 0.5);
      }
    });
    c.globalAlpha = 1;
    c.font = '11px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
    c.fillStyle = color("muted");
    c.textAlign = "right";
    c.textBaseline = "middle";
    const every = Math.ceil(15 / tall);
    for (let b = low; b < high; b += every) c.fillText(seconds(this.bounds[b]), left - 6, y(b));
    c.textAlign = "center";
    c.textBaseline = "alphabetic";
    this.columns.forEach((col, i) => {
      if ((col.slot * grain) % 60 === 0 && x(i) > left + 12 && x(i) < left + w - 14) c.fillText(minute(col.slot * grain * 1000), x(i), height - 5);
    });
    if (this.mark) {
      const b = this.bounds.findIndex((v) => v >= this.mark);
      if (b >= low && b < high) {
        c.strokeStyle = color("amber");
        c.setLineDash([4, 3]);
        c.beginPath();
        c.moveTo(left, y(b));
        c.lineTo(left + w, y(b));
        c.stroke();
        c.setLineDash([]);
      }
    }
    if (this.held) {
      c.strokeStyle = color("text", 0.7);
      c.strokeRect(x(this.index) + 0.5, 6, wide, t);
    }
    this.geometry = { x: (px) => Math.round((px - left - w) / wide + span - 0.5), left, right: left + w };
  }

  hover(e) {
    if (!this.geometry) return;
    const px = e.clientX - this.plot.getBoundingClientRect().left;
    const i = this.geometry.x(px);
    this.point(px >= this.geometry.left && i >= 0 && i < this.length ? i : null);
  }

  point(i) {
    this.held = i != null;
    this.index = this.held ? i : this.length - 1;
    this.draw();
    this.tell();
  }

  tell() {
    const col = this.columns[this.index];
    if (!col) return;
    const top = [...col.buckets.counts].map((n, b) => [n, b]).filter(([n]) => n > 0);
    const worst = top.at(-1);
    const busiest = top.toSorted(([n], [m]) => m - n)[0];
    const upTo = (b) => (b < this.bounds.length ? `up to ${seconds(this.bounds[b])}` : `over ${seconds(this.bounds.at(-1))}`);
    const what = busiest ? `${count(col.buckets.count)} requests in ${grain} s; most ${upTo(busiest[1])}, all ${upTo(worst[1])}` : `no requests in ${grain} s`;
    text(this.what, what);
    text(this.when, this.held ? clock(col.at) : "");
    told(this.plot, this, col.at, what);
  }
}
