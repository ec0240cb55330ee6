// Where the time of requests goes.

import { $, fill, h, swatch, table, width, tint } from "./dom.js";
import { Chart } from "./chart.js";
import { Buckets, over, quantile } from "./figures.js";
import { count, seconds, share } from "./format.js";

// The stages, as requests meet them. "store" is also within others, so that it is told beside them.
export const order = ["admit", "queue", "decode", "history", "score", "decide", "journal", "encode"];
export const colors = {
  admit: "grey", queue: "orange", decode: "violet", history: "teal", score: "blue", decide: "pink", journal: "amber", encode: "green", store: "red", rest: "rest",
};

export function stages() {
  const body = $("stages-body");
  const chart = new Chart($("stages-chart"), {
    label: "Time of a request by stage, five minutes", format: seconds, stacked: true, least: 1e-5,
    series: order.map((name) => ({ name, color: colors[name] })),
  });

  return ({ ticks, bounds }) => {
    const b = bounds.stage_seconds;
    if (!b) return;
    const window = 5;
    const sums = new Map([...order, "store"].map((s) => [s, over(ticks, "stage_seconds", b, (stage) => stage === s)]));
    // A request's part in a stage: what all spent there, by how many were scored or admitted.
    const columns = order.map((s) => ticks.map((_, i) => {
      const spent = new Buckets(b.length + 1);
      const asked = new Buckets(b.length + 1);
      for (const t of ticks.slice(Math.max(0, i - window + 1), i + 1)) {
        spent.add(t, "stage_seconds", (stage) => stage === s);
        asked.add(t, "stage_seconds", (stage) => stage === "encode");
      }
      return asked.count ? spent.sum / asked.count : 0;
    }));
    chart.update(ticks.map((t) => t.at), columns);
    const whole = order.reduce((sum, s) => sum + sums.get(s).sum, 0);
    const rows = [...sums].filter(([, v]) => v.count > 0).map(([s, v]) => [
      h("span", { class: "tight" }, swatch(colors[s]), " ", s),
      s === "store" ? h("span", { class: "faint" }, "within others") : h("span", { class: "bar" }, width(tint(h("span", null), colors[s]), v.sum / whole)),
      s === "store" ? "" : share(v.sum / whole, 0), seconds(v.sum / v.count), seconds(quantile(b, v.counts, 0.99)), count(v.count),
    ]);
    fill(body, rows.length
      ? table("Time by stage, five minutes", [["stage"], ["", "wide"], ["share", "number"], ["mean", "number"], ["p99", "number"], ["times", "number"]], rows)
      : h("p", { class: "nothing" }, "Nobody has asked in these five minutes."));
  };
}
