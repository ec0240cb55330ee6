// Single requests: the slowest, taken apart; what went wrong; who asks.

import { $, fill, h, nothing, swatch, table, tint, width } from "./dom.js";
import { bar } from "./chart.js";
import { tally } from "./figures.js";
import { ago, clock, count, seconds, share } from "./format.js";
import { colors, order } from "./stages.js";

export function requests() {
  return ({ told, ticks }) => {
    slow(told.slow);
    problems(told.problems, ticks.at(-1)?.at ?? Date.now());
    away(ticks);
    clients(told.clients);
  };
}

function slow(all) {
  const most = all[0]?.took ?? 1;
  const seen = new Set(all.flatMap((s) => s.stages.map(([stage]) => stage)));
  fill($("stage-key"), all.length > 0 && h("ul", { class: "legend key" }, [...order, "rest"].filter((s) => s === "rest" || seen.has(s)).map((s) => h("li", null, swatch(colors[s]), s))));
  fill($("slow"), all.length ? table("The slowest requests of the last 15 minutes",
    [["at", "tight"], ["took", "number"], ["by stage", "wide"], ["model", "tight"], ["answer", "tight"], ["client", "cut"], ["request", "cut"]],
    all.slice(0, 12).map((s) => [
      clock(s.at), seconds(s.took), parts(s, most),
      `${s.model}@${s.version}` + (s.events > 1 ? ` ×${count(s.events)}` : ""),
      s.problem ? tint(h("span", { class: "chip" }, s.problem), "red") : s.decision ? chip(s.decision) : String(s.status),
      h("span", { class: "id" }, s.key ?? ""), h("span", { class: "id", title: s.id ?? "" }, s.id ?? ""),
    ])) : nothing("No request has been told of yet."));
}

export const chip = (decision) => tint(h("span", { class: "chip" }, decision), { approve: "teal", review: "amber", decline: "red" }[decision] ?? "grey");

function parts(s, most) {
  const times = new Map(s.stages.map(([stage, , busy]) => [stage, busy]));
  const list = order.filter((o) => times.get(o) > 0).map((o) => [o, times.get(o), colors[o]]);
  const rest = s.took - list.reduce((sum, [, v]) => sum + v, 0);
  if (rest > 0) list.push(["rest", rest, "rest"]);
  const said = list.map(([name, v]) => `${name} ${seconds(v)}`).join(", ") + (times.has("store") ? `; shared store ${seconds(times.get("store"))}` : "");
  const b = bar(list, Math.max(s.took, list.reduce((sum, [, v]) => sum + v, 0)), seconds);
  b.setAttribute("role", "img");
  b.setAttribute("aria-label", said);
  b.title = said;
  return width(b, s.took / most);
}

function problems(all, now) {
  fill($("problems-body"), all.length ? table("Problems of the last hour", [["problem", "tight"], ["route", "tight"], ["count", "number"], ["last", "number"]],
    all.slice(0, 9).map((p) => [h("b", { title: p.request ? `last request ${p.request}` : "" }, p.code), h("span", { class: "id" }, p.route), count(p.count), ago(p.last, now)])) : nothing("Nothing has gone wrong."));
}

// away tells who was not let in, by reason, in five minutes.
function away(ticks) {
  const lists = [["denied", "denied_total"], ["limited", "limited_total"], ["shed", "shed_total"]].map(([name, counter]) => [name, tally(ticks, counter)]).filter(([, t]) => t.size);
  fill($("turned-away"), lists.length > 0 && h("dl", { class: "pairs" }, lists.flatMap(([name, t]) => [h("dt", null, `${name}, 5 min`), h("dd", null, [...t].map(([reason, n]) => `${reason} ${count(n)}`).join(", "))])));
}

function clients(all) {
  const whole = all.reduce((n, c) => n + c.requests, 0);
  fill($("clients-body"), all.length ? table("Clients, since the start", [["key", "cut"], ["", "wide"], ["requests", "number"], ["4xx", "number"], ["5xx", "number"]],
    all.slice(0, 15).map((c) => [
      h("span", { class: "id" }, c.key), h("span", { class: "bar", title: share(c.requests / whole) }, width(tint(h("span", null), "blue"), c.requests / whole)),
      count(c.requests), c.denied ? count(c.denied) : "", c.failed ? count(c.failed) : "",
    ])) : nothing("No client has been told of yet."));
}
