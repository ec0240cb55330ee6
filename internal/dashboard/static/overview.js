// The strip at the top: how it goes, in seven figures.

import { $, h, text } from "./dom.js";
import { spark } from "./chart.js";
import { counted, duration, isTraffic, outcome, over, quantile, rate, sliding, smooth, total } from "./figures.js";
import { burn, bytes, count, none, number, promised, seconds, share } from "./format.js";

const recent = 10; // seconds that "now" means
const single = (route) => route === "/v1/score";
const good = (route, code) => isTraffic(route) && outcome(code) === "answered";
const bad = (route, code) => isTraffic(route) && (outcome(code) === "failed" || outcome(code) === "shed");

export function overview() {
  const tiles = {};
  for (const [id, name, color] of [
    ["requests", "Requests a second", "blue"], ["p99", "p99 of /v1/score", "violet"], ["failed", "Failed or shed", "red"],
    ["declined", "Declined", "amber"], ["budget", "Error budget left", "teal"], ["flight", "In flight", "blue"], ["cores", "Processors busy", "grey"],
  ]) {
    const t = { figure: h("span", { class: "figure", id: `tile-${id}` }, none), under: h("span", { class: "under", id: `tile-${id}-under` }, "\u00a0"), canvas: h("canvas", { "aria-hidden": "true" }), color };
    t.box = h("div", { class: "tile" }, h("dt", null, name), h("dd", null, t.figure), h("dd", null, t.under), h("dd", null, t.canvas));
    $("strip").append(t.box);
    tiles[id] = t;
  }
  const set = (id, figure, under, column, level = "") => {
    const t = tiles[id];
    text(t.figure, figure);
    text(t.under, under || "\u00a0");
    t.figure.className = `figure ${level}`;
    if (column) spark(t.canvas, column, level === "bad" ? "red" : t.color);
  };

  return ({ ticks, bounds, status }) => {
    if (!ticks.length) return;
    const last = ticks.slice(-recent);
    const per = (name, match) => ticks.map((t) => counted(t, name, match) / t.took);

    const all = total(ticks, "requests_total", isTraffic);
    set("requests", number(rate(last, "requests_total", isTraffic)), `${count(all)} in ${seconds(Math.round(duration(ticks)))}`, smooth(per("requests_total", isTraffic), 5));

    const b = bounds.request_seconds ?? [];
    const line = sliding(ticks, recent, "request_seconds", single, b, [0.99])[0];
    const whole = over(ticks, "request_seconds", b, single);
    const promise = status?.slo?.find((s) => s.latency_seconds)?.latency_seconds;
    set("p99", seconds(line.at(-1)), whole.count ? `p50 ${seconds(quantile(b, whole.counts, 0.5))}, p99.9 ${seconds(quantile(b, whole.counts, 0.999))}` : "nobody has asked", line, promise && line.at(-1) > promise ? "warn" : "");

    const failed = total(ticks, "requests_total", bad);
    set("failed", all ? share(failed / all, 2) : none, failed ? `${count(failed)} of ${count(all)}` : "none", per("requests_total", bad), failed / all > 0.01 ? "bad" : failed ? "warn" : "");

    const decided = total(ticks, "decisions_total");
    const by = (d) => total(ticks, "decisions_total", (_, __, decision) => decision === d);
    set("declined", decided ? share(by("decline") / decided, 2) : none, decided ? `and ${share(by("review") / decided, 2)} for review` : "nothing decided", smooth(per("decisions_total", (_, __, d) => d === "decline"), 10));

    const slo = status?.slo?.[0];
    const left = slo?.budget_remaining;
    const rates = slo?.burn?.[0];
    const answered = per("requests_total", good);
    const asked = per("requests_total", isTraffic);
    set("budget", left == null ? none : left < 0 ? `${number(1 - left)}× spent` : share(left), slo ? `${promised(slo.objective)}${rates ? `, burn ${burn(rates.rate)}` : ""}` : "no objectives are told", slo && answered.map((v, i) => (asked[i] ? v / asked[i] : null)), left < 0 ? "bad" : left < 0.25 ? "warn" : "");

    const level = (name) => ticks.map((t) => t.levels[name]);
    const limit = ticks.at(-1).levels.concurrency_limit;
    set("flight", number(ticks.at(-1).levels.requests_in_flight), limit ? `${number(limit)} may be` : "without a limit", level("requests_in_flight"));

    const cores = level("cores");
    const { memory_bytes: memory, goroutines } = ticks.at(-1).levels;
    const busy = smooth(cores, 5).at(-1);
    set("cores", cores.some((c) => c > 0) ? busy.toFixed(2) : none, `${bytes(memory)}, ${count(goroutines)} goroutines`, cores);
  };
}
