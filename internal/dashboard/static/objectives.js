// What was promised, and how much of the room for errors is left.

import { $, fill, h, nothing, table, tint, width } from "./dom.js";
import { spark } from "./chart.js";
import { Buckets, counted, isTraffic } from "./figures.js";
import { burn, count, number, promised, seconds, share } from "./format.js";

// A budget that burns at rate 1 is used up when its period is over. At 14.4 a fiftieth of 30 days' is gone in an hour,
// at 6 a twentieth in six: who pages by burn rates pages there (Google's SRE workbook, chapter 5).
const burning = (rate) => (rate >= 14.4 ? "red" : rate >= 6 ? "orange" : rate > 1 ? "amber" : "text");

export function objectives() {
  return ({ status, ticks, bounds }) => {
    const slos = status?.slo;
    const body = $("objectives-body");
    fill(body, slos?.length ? slos.map(objective) : nothing("No objectives are told here. The settings slo.availability and slo.latency make some."));
    slos?.forEach((s, i) => {
      const canvas = body.querySelectorAll("canvas")[i];
      spark(canvas, ticks.map((t) => bad(s, t, bounds.request_seconds ?? [])), "red");
    });
  };
}

// bad is how many requests of a second broke a promise, as far as the buckets of the histogram tell.
function bad(s, tick, bounds) {
  if (!s.latency_seconds) return counted(tick, "requests_total", (route, code) => isTraffic(route) && (code >= "500" || code === "other"));
  const from = bounds.findIndex((b) => b >= s.latency_seconds) + 1;
  return new Buckets(bounds.length + 1).add(tick, "request_seconds", (r) => r === "/v1/score").counts.slice(from).reduce((a, b) => a + b, 0);
}

function objective(s) {
  const left = s.budget_remaining;
  const level = left == null ? "grey" : left < 0 ? "red" : left < 0.25 ? "amber" : "teal";
  const what = s.latency_seconds ? `${promised(s.objective)} of scores within ${seconds(s.latency_seconds)}` : `${promised(s.objective)} of requests without an error of ours`;
  return h("div", { class: "objective" },
    h("h3", null, s.name),
    h("b", null, left == null ? "no requests yet" : left < 0 ? `${number(1 - left)}× of it spent` : `${share(left)} left`),
    h("div", { class: "meter", role: "meter", "aria-label": `Error budget of ${s.name} that is left`, "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": String(Math.round(100 * Math.max(0, left ?? 0))) }, width(tint(h("span", null), level), left ?? 0)),
    h("p", { class: "faint" }, what),
    h("p", { class: "faint" }, s.bad ? `${count(s.bad)} bad of ${count(s.good + s.bad)}` : s.good ? `none bad of ${count(s.good)}` : ""),
    h("canvas", { class: "misses", "aria-hidden": "true" }),
    s.burn?.length > 0 && table(`Burn rates of ${s.name}`, [["", "tight"], ...s.burn.map((b) => [b.window, "number"])],
      [[h("span", { class: "faint" }, "burn rate"), ...s.burn.map((b) => tint(h("b", { class: "burn" }, burn(b.rate)), burning(b.rate)))]]));
}
