// What is approved, reviewed and declined.

import { $, fill, h, swatch } from "./dom.js";
import { Chart, bar } from "./chart.js";
import { counted, smooth, total } from "./figures.js";
import { count, number, share } from "./format.js";

const all = ["approve", "review", "decline"];
const past = { approve: "approved", review: "reviewed", decline: "declined" };

export function decisions() {
  const shares = h("div", { class: "decided" });
  $("decisions").append(shares);
  const chart = new Chart($("decisions"), {
    label: "Decisions a second, five minutes", format: number, stacked: true, topFirst: true,
    series: [...all].reverse().map((d) => ({ name: past[d], color: d })),
  });
  const select = $("decisions-model");
  let draw = () => {};
  select.addEventListener("change", () => draw());

  return ({ ticks, status }) => {
    draw = () => {
      offer(select, status, "all models");
      const match = (d) => (model, version, decision) => decision === d && (select.value === "" || select.value === `${model}@${version}`);
      chart.update(ticks.map((t) => t.at), [...all].reverse().map((d) => smooth(ticks.map((t) => counted(t, "decisions_total", match(d)) / t.took), 3)));
      const sums = all.map((d) => total(ticks, "decisions_total", match(d)));
      const whole = sums.reduce((a, b) => a + b, 0);
      fill(shares, whole
        ? [bar(all.map((d, i) => [past[d], sums[i], d]), whole, count), h("ul", { class: "legend key" }, all.map((d, i) => h("li", null, swatch(d), h("b", { class: "value" }, share(sums[i] / whole, 2)), ` ${past[d]}`)))]
        : h("p", { class: "faint" }, "Nothing was decided in these five minutes."));
    };
    draw();
  };
}

// offer lists the versions that are served in a select; first is what all of them together are called, if they may be chosen.
export function offer(select, status, first) {
  const names = (status?.models ?? []).map((m) => `${m.name}@${m.version}`);
  if (first) names.unshift("");
  if (names.join() === [...select.options].map((o) => o.value).join()) return;
  const value = select.value;
  select.replaceChildren(...names.map((n) => h("option", { value: n }, n || first)));
  const live = status?.models?.find((m) => m.live);
  select.value = names.includes(value) && select.options.length && value ? value : first ? "" : live ? `${live.name}@${live.version}` : (names[0] ?? "");
}
