// The page: which view stands in #main, and what the daemon says passed on to it.
// A view is a function of (box, model, rest of the address) that gives { overview?, alert?, reload?, close?, go? }.

import { get, live } from "./data.js";
import { alerts } from "./alerts.js";
import { health } from "./health.js";
import { overview } from "./overview.js";
import { silences } from "./silences.js";
import { templates } from "./templates.js";

const VIEWS = { "": [overview, "Overview"], alerts: [alerts, "Alerts"], silences: [silences, "Silences"], templates: [templates, "Templates"], health: [health, "Health"] };
const STATES = { live: "live", polling: "every 5 s", away: "no answer" };

const main = document.getElementById("main");
const model = { overview: null, rates: new Map() };
let shown = { name: null };

function route() {
  const [name, ...rest] = location.hash.replace(/^#\/?/, "").split("/").map(decoded);
  const known = VIEWS[name] ? name : "";
  if (shown.name === known && shown.view?.go) {
    shown.view.go(rest);
    return;
  }
  shown.view?.close?.();
  const [make, title] = VIEWS[known];
  const first = shown.name === null;
  const box = document.createElement("div");
  box.className = `view ${known || "overview"}`;
  main.replaceChildren(box);
  document.title = `${title} - alogd`;
  for (const link of document.querySelectorAll("nav a")) {
    const here = link.getAttribute("href") === `#/${known}`;
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  shown = { name: known, view: make(box, model, rest) };
  if (!first) main.focus({ preventScroll: true });
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return "";
  }
}

/** Lines a second of each stream, from two looks; smoothed, for blocks come in bursts. */
function measure(now) {
  const at = performance.now() / 1000;
  for (const { name, lines_read: lines } of now.streams) {
    const last = model.rates.get(name);
    if (!last || lines < last.lines) {
      model.rates.set(name, { lines, at, rate: null });
      continue;
    }
    const passed = at - last.at;
    if (passed < 0.9) continue;
    const rate = (lines - last.lines) / passed;
    const keep = last.rate === null ? 0 : Math.exp(-passed / 5);
    model.rates.set(name, { lines, at, rate: keep * (last.rate ?? 0) + (1 - keep) * rate });
  }
}

const count = document.getElementById("firing");
const muted = document.getElementById("muted");
const state = document.getElementById("live");

live({
  overview(now) {
    model.overview = now;
    measure(now);
    const firing = Object.values(now.firing).reduce((sum, more) => sum + more, 0);
    count.hidden = firing === 0;
    count.textContent = firing > 999 ? "999+" : firing;
    count.dataset.level = now.level ?? "";
    count.setAttribute("aria-label", `${firing} firing`);
    muted.hidden = now.muted === 0;
    muted.textContent = now.muted;
    muted.setAttribute("aria-label", `${now.muted} in force`);
    shown.view?.overview?.(now);
  },
  alert: (alert) => shown.view?.alert?.(alert),
  reload: () => shown.view?.reload?.(),
  state(name) {
    state.dataset.state = name;
    const words = state.lastElementChild;
    if (words.textContent !== STATES[name]) words.textContent = STATES[name];
  },
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  const search = main.querySelector("input[type=search]");
  if (!search) return;
  event.preventDefault();
  search.focus();
});
document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); main.focus(); });
addEventListener("hashchange", route);
route();
if (!("EventSource" in window)) get("overview").then((now) => shown.view?.overview?.(now));
