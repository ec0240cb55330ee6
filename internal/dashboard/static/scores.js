// How scores are spread, and whether they and the features are still what they were.

import { $, color, fill, h, nothing, table, text, tint, width } from "./dom.js";
import { prepare } from "./chart.js";
import { offer } from "./decisions.js";
import { over, quantile } from "./figures.js";
import { count, number, score, share } from "./format.js";

export function scores() {
  const select = $("scores-model");
  const canvas = $("scores-canvas");
  let draw = () => {};
  select.addEventListener("change", () => draw());
  new ResizeObserver(() => draw()).observe(canvas);

  return ({ ticks, bounds, status }) => {
    draw = () => {
      offer(select, status);
      const b = bounds.score;
      if (!b) return;
      const all = over(ticks, "score", b, (model, version) => select.value === `${model}@${version}`);
      const q = (x) => score(quantile(b, all.counts, x));
      text($("scores-text"), all.count ? `${count(all.count)} in 5 min: median ${q(0.5)}, p99 ${q(0.99)}, mean ${score(all.sum / all.count)}` : "No scores in these five minutes.");
      spread(canvas, b, all);
    };
    draw();
    drift(status);
  };
}

// spread draws the share of scores in each bucket, on an axis where a thousandth is still seen.
function spread(canvas, bounds, all) {
  const { width: w, height: t, context: c } = prepare(canvas);
  const left = 40;
  const bottom = t - 30;
  const least = 1e-4;
  const tall = (v) => (v > 0 ? Math.max(2, (1 - Math.log10(Math.min(1, Math.max(v, least))) / Math.log10(least)) * (bottom - 10)) : 0);
  c.font = '11px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
  c.textBaseline = "middle";
  c.textAlign = "right";
  for (const v of [1, 0.1, 0.01, 0.001]) {
    const y = bottom - tall(v);
    c.strokeStyle = color("grid");
    c.beginPath();
    c.moveTo(left, y + 0.5);
    c.lineTo(w - 12, y + 0.5);
    c.stroke();
    c.fillStyle = color("muted");
    c.fillText(share(v, v < 0.01 ? 1 : 0), left - 6, y);
  }
  const wide = (w - left - 12) / bounds.length;
  c.textAlign = "center";
  c.textBaseline = "top";
  bounds.forEach((b, i) => {
    const x = left + i * wide;
    if (all.count) {
      const high = tall(all.counts[i] / all.count);
      c.fillStyle = color("blue", 0.85);
      c.fillRect(x + 1, bottom - high, wide - 2, high);
    }
    c.fillStyle = color("muted");
    if (i % 2 === 1 || wide > 30) c.fillText(String(b).replace(/^0/, ""), x + wide, bottom + 5);
  });
  c.textAlign = "right";
  c.fillText("score up to", w, bottom + 18);
}

const levels = { none: "grey", steady: "teal", warn: "amber", drifted: "red" };

function drift(status) {
  const live = new Set((status?.models ?? []).filter((m) => m.live).map((m) => `${m.name}@${m.version}`));
  const all = status?.drift?.toSorted((a, b) => live.has(`${b.model}@${b.version}`) - live.has(`${a.model}@${a.version}`));
  fill($("drift-body"), all?.length ? all.map(drifted) : nothing("Drift is not told here: it needs a bundle with a reference."));
}

function drifted(d) {
  const known = (d.features ?? []).filter((f) => f.psi != null).toSorted((a, b) => b.psi - a.psi).slice(0, 8);
  return h("div", null,
    h("p", { class: "row" }, h("b", null, `${d.model}@${d.version}`), chip(d.verdict === "none" ? "not known yet" : d.verdict, d.verdict), h("span", { class: "faint" }, `${count(d.rows)} rows beside ${count(d.reference_rows)}`)),
    known.length > 0 && table(`Drift of ${d.model}@${d.version}`, [["feature", "tight"], ["", "wide"], ["index", "number"], ["", "tight"]],
      [{ feature: "score", psi: d.score_psi, verdict: d.verdict, first: true }, ...known].map((f) => [
        f.first ? h("b", null, f.feature) : f.feature, h("span", { class: "bar" }, width(tint(h("span", null), levels[f.verdict] ?? "blue"), (f.psi ?? 0) / 0.5)), number(f.psi), chip(f.verdict, f.verdict),
      ])));
}

const chip = (words, verdict) => tint(h("span", { class: "chip" }, words), levels[verdict] ?? "grey");
