// What besra remembers: answers, histories, rows; and what keeps them.

import { $, fill, h, tint } from "./dom.js";
import { duration, over, quantile, rate, tally, total } from "./figures.js";
import { ago, bytes, count, none, number, seconds, share } from "./format.js";

export function memory() {
  return ({ status, ticks, bounds }) => {
    if (!status || !ticks.length) return;
    fill($("memory-body"), [replay, histories, memo, journal, store].map((part) => part(status, ticks, bounds)));
  };
}

const part = (name, level, ...pairs) => h("div", null,
  h("h3", null, name, level && tint(h("span", { class: "chip" }, level[0]), level[1])),
  h("dl", { class: "pairs" }, pairs.filter(Boolean).flatMap(([k, v]) => [h("dt", null, k), h("dd", null, v)])));

function replay(status, ticks) {
  const by = tally(ticks, "replay_total");
  const all = [...by.values()].reduce((a, b) => a + b, 0);
  const again = (by.get("hit") ?? 0) + (by.get("joined") ?? 0);
  const r = status.replay ?? {};
  return part("Replay", r.evicted_early ? ["too small", "red"] : null,
    ["event ids", `${number(all / duration(ticks))}/s`], ["came again", all ? share(again / all, 2) : none],
    ["with other content", count(by.get("conflict") ?? 0)], ["answers held", count(r.answers)], ["memory", bytes(r.bytes)], ["sure for", seconds(r.horizon_seconds)]);
}

function histories(status, ticks) {
  const s = status.state ?? {};
  const labels = status.labels ?? {};
  return part("Histories", s.shed ? ["some were dropped", "red"] : null,
    ["entities", count(s.entities)], ["memory", bytes(s.bytes)], ["idle, dropped", count(s.idle)],
    ["labels", `${number(rate(ticks, "labels_total"))}/s`], ["outcomes", count(labels.outcomes)], ["labels waiting", count(labels.waiting)]);
}

function memo(status, ticks) {
  const m = status.memo;
  if (!m) return part("Memo", null, ["estimate", "switched off"]);
  const by = tally(ticks, "memo_total");
  const asked = (by.get("hit") ?? 0) + (by.get("miss") ?? 0);
  const estimate = m.estimates?.filter((e) => e.hit_ratio != null).at(-1);
  return part("Memo", m.models?.length ? ["on", "teal"] : ["off", "grey"],
    m.models?.length > 0 && ["hit ratio", asked ? share(asked ? (by.get("hit") ?? 0) / asked : null) : none],
    m.models?.length > 0 && ["rows held", count(m.entries)], m.models?.length > 0 && ["memory", bytes(m.bytes)],
    ["would know", estimate ? `${share(estimate.hit_ratio)} of rows` : "not known yet"], estimate && ["with", bytes(estimate.bytes)],
    estimate?.saved_cores != null && ["would save", `${number(Math.round(estimate.saved_cores * 1000) / 1000 || 0)} processors`]);
}

function journal(status, ticks, bounds) {
  const j = status.journal;
  if (!j) return part("Journal", ["none", "grey"], ["memory only", "state.dir"]);
  const b = bounds.journal_write_seconds;
  const w = b && over(ticks, "journal_write_seconds", b);
  return part("Journal", j.up ? ["up", "teal"] : ["cannot write", "red"],
    ["writes", `${bytes(rate(ticks, "journal_written_bytes_total"))}/s`], ["a write, p99", w ? seconds(quantile(b, w.counts, 0.99)) : none],
    ["failed, 5 min", count(total(ticks, "journal_failures_total"))], ["on disk", bytes(j.bytes)], ["position", count(j.position)],
    j.last_error && ["last error", j.last_error]);
}

function store(status, ticks, bounds) {
  const s = status.store;
  if (!s) return part("Shared store", ["none", "grey"], ["alone", "valkey.address"]);
  const b = bounds.store_seconds;
  const w = b && over(ticks, "store_seconds", b);
  const failed = total(ticks, "store_errors_total");
  return part("Shared store", s.up ? ["up", "teal"] : ["down", "red"],
    ["calls", w ? `${number(w.count / duration(ticks))}/s` : none], ["a call, p99", w ? seconds(quantile(b, w.counts, 0.99)) : none],
    ["failed, 5 min", count(failed)], ["memory", s.max_bytes ? `${bytes(s.bytes)} of ${bytes(s.max_bytes)}` : bytes(s.bytes)],
    ["keys evicted", count(s.evicted_keys)], ["since", ago(Date.parse(s.since))], s.why && ["why", s.why]);
}
