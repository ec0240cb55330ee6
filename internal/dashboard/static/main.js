// The page: what comes by the stream and what is asked of /v1/status goes to each panel, once a second.

import { $, h, text, tint } from "./dom.js";
import { seconds } from "./format.js";
import { follow } from "./stream.js";
import { overview } from "./overview.js";
import { traffic } from "./traffic.js";
import { decisions } from "./decisions.js";
import { stages } from "./stages.js";
import { objectives } from "./objectives.js";
import { requests } from "./requests.js";
import { models } from "./models.js";
import { scores } from "./scores.js";
import { memory } from "./memory.js";
import { tryPayment } from "./try.js";

const patience = 5000; // ms from one question for the status to the next

// now is what is known: the panels read it, and nobody else writes it.
const now = { ticks: [], bounds: {}, told: { slow: [], problems: [], clients: [] }, status: null, began: 0, kept: 300, build: {} };

const panels = [overview(), traffic(), decisions(), stages(), objectives(), requests(), models(), scores(), memory(), tryPayment()];

let due = false;
function show() {
  if (due) return;
  due = true;
  requestAnimationFrame(() => { // never while the page is hidden
    due = false;
    facts();
    for (const show of panels) show(now);
  });
}

function facts() {
  const fact = (name, value) => h("span", null, name, " ", h("b", null, value));
  const all = [];
  if (now.build.version) all.push(fact("version", now.build.version));
  if (now.build.platform) all.push(fact("on", now.build.platform));
  if (now.ticks.length) all.push(fact("up", seconds(Math.round((now.ticks.at(-1).at - now.began) / 1000))));
  $("facts").replaceChildren(...all);
}

const states = {
  live: ["live", "green"],
  lost: ["no connection, trying again", "red"],
  denied: ["not for this key: it needs the scope metrics", "red"],
  full: ["too many are watching, trying again", "amber"],
  recovering: ["live, recovering", "amber"],
};
let state = "connecting";
function say(next) {
  state = next;
  const ready = now.status?.ready !== false;
  const [words, color] = states[next === "live" && !ready ? "recovering" : next];
  text($("state"), words);
  tint($("state"), color);
}

follow({
  state: say,
  history(past) {
    // Another build has another page, which knows what its stream says.
    if (now.began && JSON.stringify(past.build) !== JSON.stringify(now.build)) return location.reload();
    Object.assign(now, { ticks: past.ticks, bounds: past.bounds, began: past.began, kept: past.kept, build: past.build });
    show();
  },
  tick(t) {
    now.ticks.push(t);
    if (now.ticks.length > now.kept) now.ticks.shift();
    show();
  },
  told(told) {
    now.told = told;
    show();
  },
});

async function ask() {
  if (document.visibilityState === "visible") {
    try {
      const r = await fetch("/v1/status");
      if (r.ok) now.status = await r.json();
      if (states[state]) say(state);
      show();
    } catch {
      // the stream says that there is no connection
    }
  }
  setTimeout(ask, patience);
}
ask();

$("theme").addEventListener("click", () => dispatchEvent(new Event("toggletheme")));
const named = () => text($("theme"), document.documentElement.dataset.theme === "dark" ? "Light" : "Dark");
addEventListener("themechange", () => {
  named();
  show();
});
named();
