// Is everything all right, what each stream is like now, and the newest alerts.

import { risk } from "./chart.js";
import { get } from "./data.js";
import { fill, h } from "./dom.js";
import { bytes, short, number, ago } from "./format.js";
import { groups } from "./group.js";
import { alertRow, meter } from "./parts.js";

const NEWEST = 8; // rows
const ASKED = 40; // alerts, of which several may have one row
const MOST_CHARTS = 24; // streams whose charts are asked for
const CHARTS_MS = 15000;
const TOGETHER_MS = 200; // alerts that come within are asked for together

export function overview(box, model) {
  const head = h("section", { class: "standing", "aria-live": "polite" });
  const streams = h("section", { class: "streams", "aria-label": "Streams" });
  const newest = h("section", { class: "newest", "aria-labelledby": "newest" });
  box.append(head, h("div", { class: "columns" }, streams, newest));
  const points = new Map();
  let alerts = null;
  let open = true;
  let due;

  function draw() {
    const now = model.overview;
    if (!now) {
      fill(head, h("h1", null, "Asking the daemon ..."));
      return;
    }
    head.dataset.state = now.state;
    head.dataset.level = now.level ?? "";
    fill(head, h("i", { class: "lamp", "aria-hidden": "true" }),
      h("div", null, h("h1", null, now.sentence), h("p", null, now.more), reasons(now)));
    fill(streams, h("h2", null, "Streams"),
      now.streams.length ? now.streams.map((stream) => card(stream, model.rates.get(stream.name)?.rate, points.get(stream.name)))
        : h("p", { class: "empty" }, "No stream is configured."));
  }

  function drawAlerts() {
    fill(newest, h("h2", { id: "newest" }, "Newest alerts"),
      alerts === null ? h("p", { class: "empty" }, "...")
        : alerts.length ? [groups(alerts).slice(0, NEWEST).map(({ root, others }) => alertRow(root, null, { others })), h("p", { class: "more" }, h("a", { href: "#/alerts" }, "All alerts"))]
          : h("p", { class: "empty" }, "None so far. When something unusual is logged, it appears here."));
  }

  async function load() {
    try {
      alerts = (await get("alerts", { limit: ASKED, brief: true })).alerts;
    } catch {
      return; // the lamp in the header says that there is no answer
    }
    if (open) drawAlerts();
  }

  const soon = () => { due ??= setTimeout(() => { due = undefined; load(); }, TOGETHER_MS); };

  async function charts() {
    for (const { name } of model.overview?.streams.slice(0, MOST_CHARTS) ?? []) {
      try {
        const answer = await get(`streams/${encodeURIComponent(name)}/scores`, { points: 120 });
        points.set(name, answer.points);
      } catch {
        points.delete(name);
      }
      if (!open) return;
    }
    draw();
  }

  draw();
  drawAlerts();
  load();
  let first = true;
  const timer = setInterval(charts, CHARTS_MS);
  const begin = () => { if (first && model.overview) { first = false; charts(); } };
  begin();
  return {
    overview() { draw(); begin(); },
    alert: soon,
    reload: load,
    close() { open = false; clearInterval(timer); clearTimeout(due); },
  };
}

function reasons(now) {
  const more = now.reasons.filter((reason) => reason !== now.more);
  return more.length > 0 && h("ul", { class: "reasons" }, more.map((reason) => h("li", null, reason)));
}

function card(stream, rate, points) {
  const state = standing(stream);
  const young = stream.warmup < 1;
  return h("article", { class: "stream", "data-state": state[0], "aria-label": `stream ${stream.name}` },
    h("header", null, h("h3", null, stream.name), h("span", { class: "state" }, state[1])),
    h("div", { class: "plot" }, points ? risk(points, `Risk of ${stream.name}`) : h("p", { class: "chart none" }, "")),
    h("dl", null,
      figure("risk now", Math.round(stream.risk)),
      figure("lines/s", rate === null || rate === undefined ? "..." : short(rate)),
      figure("behind", stream.backlog_bytes > 0 ? bytes(stream.backlog_bytes) : "nothing"),
      figure("last read", stream.last_read === null ? "not yet" : ago(stream.last_read)),
      figure("templates", number(stream.templates))),
    young
      ? h("p", { class: "learning" }, meter(stream.warmup, `learning, ${Math.floor(100 * stream.warmup)} percent done`),
        h("span", null, `Learning what is usual: ${Math.floor(100 * stream.warmup)} %`))
      : h("p", { class: "learned" }, `Knows what is usual, from ${number(stream.windows)} windows`));
}

const figure = (name, value) => h("div", null, h("dt", null, name), h("dd", null, value));

function standing(stream) {
  const failing = Object.values(stream.collectors).find((why) => why);
  if (stream.problem || !stream.up) return ["bad", stream.problem || "starting"];
  if (failing) return ["bad", failing];
  if (stream.sources === 0) return ["amiss", "nothing to read yet"];
  if (stream.open_incidents) return ["alert", stream.open_incidents === 1 ? "1 incident open" : `${stream.open_incidents} incidents open`];
  return ["ok", stream.caught_up ? "up to date" : "reading"];
}
