// What was promised, and how much of the room for errors is left.

import { $, fill, h, nothing, tint, width } from "./dom.js";
import { count, number, seconds, share } from "./format.js";

// A budget that burns at rate 1 is used up when its period is over. At 14.4 a fiftieth of 30 days' is gone in an hour,
// at 6 a twentieth in six: who pages by burn rates pages there (Google's SRE workbook, chapter 5).
const burning = (rate) => (rate >= 14.4 ? "red" : rate >= 6 ? "orange" : rate > 1 ? "amber" : "text");

export function objectives() {
  return ({ status }) => {
    const slos = status?.slo;
    fill($("objectives-body"), slos?.length ? slos.map(objective) : nothing("No objectives are told here. Settings slo.availability and slo.latency make some."));
  };
}

function objective(s) {
  const left = s.budget_remaining;
  const level = left == null ? "grey" : left < 0 ? "red" : left < 0.25 ? "amber" : "teal";
  const what = s.latency_seconds ? `${share(s.objective, 2)} within ${seconds(s.latency_seconds)}` : `${share(s.objective, 2)} without an error of ours`;
  return h("div", { class: "objective" },
    h("h3", null, s.name),
    h("b", null, left == null ? "no requests yet" : `${share(left)} left`),
    h("div", { class: "meter", role: "meter", "aria-label": `Error budget of ${s.name} that is left`, "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": String(Math.round(100 * Math.max(0, left ?? 0))) }, width(tint(h("span", null), level), left ?? 0)),
    h("p", { class: "faint" }, what),
    h("p", { class: "faint" }, s.bad ? `${count(s.bad)} bad of ${count(s.good + s.bad)}` : s.good ? `none bad of ${count(s.good)}` : ""),
    s.burn?.length > 0 && h("ul", { class: "burns", "aria-label": `Burn rates of ${s.name}` }, s.burn.map((b) => h("li", null, `${b.window} `, tint(h("b", null, b.rate == null ? "–" : `${number(b.rate)}×`), burning(b.rate))))));
}
