// Requests by outcome, and how long they took.

import { $, h, text } from "./dom.js";
import { Chart } from "./chart.js";
import { HeatMap } from "./heatmap.js";
import { counted, isTraffic, outcome, outcomes, over, quantile, sliding } from "./figures.js";
import { number, seconds } from "./format.js";

const colors = { answered: "blue", refused: "amber", denied: "violet", limited: "orange", shed: "pink", failed: "red" };
const quantiles = [0.5, 0.9, 0.99, 0.999];

export function traffic() {
  const requests = new Chart($("traffic"), {
    label: "Requests a second by outcome, five minutes", format: number, stacked: true, sparse: true,
    series: outcomes.map((name) => ({ name, color: colors[name] })),
  });
  const latency = new Chart($("latency"), {
    label: "Latency percentiles, five minutes", format: seconds, log: true,
    series: [["p50", "teal"], ["p90", "blue"], ["p99", "violet"], ["p99.9", "red"]].map(([name, color]) => ({ name, color })),
  });
  const heat = new HeatMap($("heat"), { label: "How many requests took how long, five minutes" });
  const route = $("route");
  let draw = () => {};
  route.addEventListener("change", () => draw());

  return ({ ticks, bounds, status }) => {
    draw = () => {
      const at = ticks.map((t) => t.at);
      requests.update(at, outcomes.map((o) => ticks.map((t) => counted(t, "requests_total", (r, code) => isTraffic(r) && outcome(code) === o) / t.took)));
      choose(ticks);
      const b = bounds.request_seconds;
      if (!b) return;
      const match = (r) => r === route.value;
      latency.update(at, sliding(ticks, 10, "request_seconds", match, b, quantiles));
      const whole = over(ticks, "request_seconds", b, match);
      text($("latency-window"), whole.count ? `p99 of all ${seconds(quantile(b, whole.counts, 0.99))}; lines: of 10 s` : "of the 10 seconds before");
      heat.update(ticks, "request_seconds", match, b, status?.slo?.find((s) => s.latency_seconds)?.latency_seconds);
    };
    draw();
  };

  // choose offers the routes that have been asked.
  function choose(ticks) {
    const routes = new Set(["/v1/score"]);
    for (const t of ticks) for (const [r] of t.times.request_seconds ?? []) if (isTraffic(r)) routes.add(r);
    const names = [...routes];
    if (names.join() === [...route.options].map((o) => o.value).join()) return;
    const value = route.value;
    route.replaceChildren(...names.map((r) => h("option", { value: r }, r)));
    route.value = routes.has(value) ? value : "/v1/score";
  }
}
