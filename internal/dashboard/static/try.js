// Try a payment: a form made of what a model takes, and what comes of it.

import { $, fill, h, nothing, table, tint, width } from "./dom.js";
import { bar } from "./chart.js";
import { offer } from "./decisions.js";
import { chip } from "./requests.js";
import { none, score, seconds } from "./format.js";

export function tryPayment() {
  const form = $("try-form");
  const answer = $("try-answer");
  const model = h("select", { id: "try-model", name: "model" });
  const kind = h("select", { id: "try-kind" });
  const dry = h("input", { type: "checkbox", id: "try-dry", checked: true });
  const id = h("input", { id: "try-event-id", placeholder: "evt_7", maxlength: 128, size: 12 });
  const dryBox = h("label", null, dry, "dry run");
  const idBox = h("label", null, "event_id ", id);
  const fields = h("div", { class: "fields" });
  form.classList.add("stack");
  form.append(
    h("div", { class: "row" }, h("label", null, "Model ", model), h("label", null, "Given as ", kind)),
    fields,
    h("div", { class: "row" }, h("button", { class: "main", type: "submit" }, "Score it"), h("button", { type: "button", id: "try-example" }, "Fill in an example"), dryBox, idBox));
  fill(answer, nothing("The answer comes here: score, decision, warnings, and where the time went."));

  let schema = null;
  let asked = "";
  const chosen = () => (kind.value === "event" ? schema?.event : schema?.features) ?? [];

  async function load() {
    asked = model.value;
    if (!asked) return;
    try {
      const r = await fetch(`/v1/models/${encodeURIComponent(asked).replace("%40", "@")}`);
      const body = await r.json();
      if (!r.ok) return fill(fields, nothing(body.code === "forbidden" ? "This key may not read what models take: it needs the scope models." : (body.detail ?? body.title)));
      schema = body;
      kind.replaceChildren(...(schema.event ? ["event", "features"] : ["features"]).map((k) => h("option", { value: k }, k === "event" ? "a raw event" : "features")));
      make();
    } catch (e) {
      fill(fields, nothing(`What the model takes could not be had: ${e.message}`));
      asked = "";
    }
  }

  function make() {
    idBox.hidden = dry.checked;
    fields.replaceChildren(...chosen().map((f) => {
      const name = `try-field-${f.name}`;
      const limits = [f.type, f.unit, f.min != null || f.max != null ? `${f.min ?? "…"} to ${f.max ?? "…"}` : null, f.required ? "required" : null].filter(Boolean).join(", ");
      return h("div", { class: "field" },
        h("label", { for: name }, f.name, h("span", null, limits)),
        h("input", { id: name, name: f.name, "data-type": f.type, autocomplete: "off", spellcheck: "false", required: f.required, inputmode: /float|int|number|amount|double/.test(f.type) ? "decimal" : null, "aria-describedby": f.text ? `${name}-help` : null }),
        f.text && h("div", { class: "help", id: `${name}-help` }, f.text));
    }));
  }

  // example fills in something that may pass for a payment.
  function example() {
    for (const input of fields.querySelectorAll("input")) {
      const f = chosen().find((f) => f.name === input.name);
      if (f.type === "time") input.value = new Date().toISOString();
      else if (f.type === "entity") input.value = `${f.name[0]}_${1 + Math.floor(Math.random() * 900)}`;
      else if (f.type === "string" || f.type === "text") input.value = f.categories?.[0] ?? "";
      else {
        const most = Math.min(f.max ?? 250, 250);
        const least = Math.max(f.min ?? 0, 0);
        input.value = /int|bool/.test(f.type) ? String(Math.round(least)) : String(+(least + (most - least) * Math.random() ** 2).toFixed(2));
      }
    }
  }

  // value is what a field's text means: a JSON number where the model takes one, else a string. What is no number is sent
  // as it is, so that besra says what is wrong with it. NaN-free: an empty field is left out.
  const value = (input) => {
    const v = input.value.trim();
    if (/^(time|entity|string|text)$/.test(input.dataset.type)) return v;
    if (/^(true|false)$/.test(v)) return v === "true";
    return v !== "" && Number.isFinite(Number(v)) ? Number(v) : v;
  };

  async function send(e) {
    e.preventDefault();
    const event = kind.value === "event";
    const content = {};
    for (const input of fields.querySelectorAll("input")) {
      input.removeAttribute("aria-invalid");
      if (input.value.trim() !== "") content[input.name] = value(input);
    }
    const body = { model: model.value, [event ? "event" : "features"]: content };
    if (dry.checked) body.dry_run = true;
    else if (id.value.trim()) body.event_id = id.value.trim();
    const text = JSON.stringify(body);
    const begun = performance.now();
    try {
      const r = await fetch("/v1/score", { method: "POST", headers: { "Content-Type": "application/json" }, body: text });
      const raw = await r.text();
      show(r, raw, (performance.now() - begun) / 1000, text);
    } catch (error) {
      fill(answer, nothing(`No answer: ${error.message}`));
    }
  }

  function show(r, raw, took, sent) {
    let a;
    try {
      a = JSON.parse(raw);
    } catch {
      a = { title: raw };
    }
    answer.replaceChildren(h("div", { class: "stack" }, r.ok ? scored(a) : refused(a), times(r, took),
      h("details", null, h("summary", null, "What was sent, and what came back"), h("pre", null, sent), h("pre", null, raw))));
  }

  function scored(a) {
    const level = { approve: "teal", review: "amber", decline: "red" }[a.decision] ?? "blue";
    return [
      h("div", { class: "verdict" }, h("span", { class: "figure", id: "try-score" }, score(a.score)), a.decision ? chip(a.decision) : h("span", { class: "faint" }, "no policy decides")),
      h("div", { class: "gauge", "aria-hidden": "true" }, width(tint(h("span", null), level), a.score ?? 0)),
      h("dl", { class: "pairs" }, [
        ["model", `${a.model}@${a.version}`], ["score", a.score == null ? none : String(a.score)], "margin" in a && ["margin", a.margin == null ? none : String(a.margin)], a.policy && ["policy", a.policy], a.degraded && ["degraded", "decided without a score that can be trusted"],
      ].filter(Boolean).flatMap(([k, v]) => [h("dt", null, k), h("dd", null, v)])),
      a.reasons?.length > 0 && [h("h3", null, "Reasons"), table("Reasons", [["", "wide"], ["", "number"]], a.reasons.map((x) => (typeof x === "object" ? [x.text ?? x.feature ?? x.code, String(x.contribution ?? x.value ?? "")] : [String(x), ""])))],
      a.warnings?.length > 0 && [h("h3", null, "Warnings"), h("ul", null, a.warnings.map((w) => h("li", null, typeof w === "object" ? [w.field, w.code, w.detail].filter(Boolean).join(": ") : String(w))))],
    ].flat();
  }

  function refused(p) {
    const input = p.field && fields.querySelector(`input[name="${CSS.escape(p.field.replace(/^(event|features)\./, ""))}"]`);
    if (input) {
      input.setAttribute("aria-invalid", "true");
      input.focus();
    }
    return [h("div", { class: "verdict" }, tint(h("span", { class: "chip" }, p.code ?? "error"), "red"), h("b", null, p.title ?? "")), h("p", null, p.field ? `${p.field}: ` : "", p.detail ?? "")];
  }

  // times shows the header Server-Timing: decode;dur=0.012, score;dur=0.080, in milliseconds.
  function times(r, took) {
    const colors = { admit: "grey", queue: "orange", decode: "violet", history: "teal", score: "blue", decide: "pink", journal: "amber", encode: "green", store: "red" };
    const parts = (r.headers.get("Server-Timing") ?? "").split(",").map((p) => p.trim().match(/^([\w-]+).*;\s*dur=([\d.]+)/)).filter(Boolean).map(([, name, ms]) => [name, ms / 1000, colors[name] ?? "grey"]);
    const whole = parts.reduce((s, [, v]) => s + v, 0);
    return [
      h("h3", null, "Where the time went"),
      parts.length > 0 && bar(parts, whole || 1, seconds),
      h("dl", { class: "pairs", id: "try-times" }, [...parts.map(([name, v]) => [name, seconds(v)]), ["to here and back", seconds(took)]].flatMap(([k, v]) => [h("dt", null, k), h("dd", null, v)])),
    ];
  }

  form.addEventListener("submit", send);
  kind.addEventListener("change", make);
  dry.addEventListener("change", () => (idBox.hidden = dry.checked));
  model.addEventListener("change", load);
  form.querySelector("#try-example").addEventListener("click", example);

  return ({ status }) => {
    offer(model, status);
    if (model.value && model.value !== asked) load();
  };
}
