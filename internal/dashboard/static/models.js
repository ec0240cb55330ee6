// What is served, how it was proven, who scores beside it, and how well it does.

import { $, fill, h, nothing, table, text, tint } from "./dom.js";
import { duration, tally } from "./figures.js";
import { count, number, score, share } from "./format.js";

export function models() {
  return ({ status, ticks }) => {
    if (!status) return;
    const all = (status.models ?? []).toSorted((a, b) => b.live - a.live);
    const rows = tally(ticks, "rows_scored_total", 2);
    const took = duration(ticks) || 1;
    text($("models-aside"), all.length === 1 ? "1 version" : `${all.length} versions`);
    fill($("models-body"),
      all.length ? table("Models that are served",
        [["model", "tight"], ["version", "number"], ["", "tight"], ["proof", "tight"], ["rows/s", "number"], ["trees", "number"], ["policy", "tight"], ["trainer", "tight"], ["digest", "cut"]],
        all.map((m) => [
          h("b", null, m.name), String(m.version), chip(m.live ? "live" : "ready", m.live ? "teal" : "grey"), m.proven ? chip("proven", "green") : chip("unproven", "amber"),
          number((rows.get(`${m.name} ${m.version}`) ?? 0) / took), count(m.trees), m.policy ?? h("span", { class: "faint" }, "none"), m.trainer, h("span", { class: "id", title: m.digest }, m.digest),
        ])) : nothing("No model is served."),
      status.refused?.length > 0 && table("Versions that were refused", [["refused", "tight"], ["version", "number"], ["reason", "tight"], ["why", "wide"]],
        status.refused.map((r) => [h("b", null, r.name), String(r.version), chip(r.reason, "red"), r.why])),
      status.shadow?.length > 0 && table("Challengers in the shadow",
        [["challenger", "tight"], ["beside", "tight"], ["compared", "number"], ["agree", "number"], ["shift of score", "number"], ["decided otherwise", "wide"], ["dropped", "number"]],
        status.shadow.map((s) => [
          h("span", null, h("b", null, `${s.model}@${s.challenger}`), s.challenger_ready ? "" : ` ${s.why ?? "is not ready"}`), s.champion == null ? "–" : `@${s.champion}`,
          count(s.compared), share(s.agreement, 2), signed(s.score_shift?.mean), changed(s.decisions), count(s.dropped + s.failed),
        ])),
      performance(status.performance ?? []));
  };
}

const chip = (words, color) => tint(h("span", { class: "chip" }, words), color);
const signed = (x) => (x == null ? "–" : (x > 0 ? "+" : "") + score(x));
const changed = (pairs) => (pairs ?? []).filter((d) => d.champion !== d.challenger && d.events).map((d) => `${d.champion} → ${d.challenger} ${count(d.events)}`).join(", ") || "never";

// performance is told when there are labels to tell it by.
function performance(all) {
  const known = all.filter((p) => p.labelled > 0);
  return known.length > 0 && table("How well models do, by the events' age",
    [["how well", "tight"], ["events of", "tight"], ["labelled", "number"], ["frauds", "number"], ["precision", "number"], ["recall", "number"], ["loss caught", "number"], ["loss missed", "number"]],
    known.map((p) => [h("b", null, `${p.model}@${p.version}`), p.age, share(p.labelled / p.events, 0), count(p.frauds), share(p.precision), share(p.recall), number(p.caught_loss), number(p.missed_loss)]));
}
