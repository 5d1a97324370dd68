// One alert with its evidence.

import { answers, answersTo } from "./answer.js";
import { risk } from "./chart.js";
import { get } from "./data.js";
import { fill, h } from "./dom.js";
import { number } from "./format.js";
import { together } from "./group.js";
import { level, meter, template, when } from "./parts.js";

const AROUND_NS = 20 * 60e9; // of the chart, before and after

export function evidence(box) {
  let id = null;
  let shown = null; // what the box was drawn of
  const answer = answers(box, refresh, () => shown && draw(...shown));

  async function show(wanted) {
    id = wanted;
    shown = null;
    if (id === null) {
      fill(box, h("p", { class: "empty" }, "Choose an alert to see its lines, and why they are unusual."));
      return;
    }
    fill(box, h("p", { class: "empty" }, "..."));
    box.scrollTop = 0;
    await refresh();
  }

  async function refresh() {
    const mine = id;
    try {
      const alert = await get(`alerts/${encodeURIComponent(mine)}`);
      const said = { answers: await answersTo(mine), root: alert.cause ? await get(`alerts/${encodeURIComponent(alert.cause)}`).catch(() => null) : null };
      if (mine === id) draw(alert, shown && shown[1], said);
      const begin = alert.opened_ns - AROUND_NS;
      const end = alert.updated_ns + AROUND_NS;
      const { points } = await get(`streams/${encodeURIComponent(alert.stream)}/scores`, { since: seconds(begin), until: seconds(end), points: 240 })
        .catch(() => ({ points: [] })); // the stream may be gone; the alert is not
      if (mine === id) draw(alert, { points, begin, end }, said);
    } catch (error) {
      if (mine === id) fill(box, back(), h("p", { class: "empty" }, `This alert cannot be shown: ${error.message}`));
    }
  }

  function draw(alert, chart, said) {
    shown = [alert, chart, said];
    fill(box, back(), heading(alert), answer.draw(alert, said.answers), together(alert, said.root), gauge(alert), around(alert, chart), why(alert), templates(alert), lines(alert));
  }

  return { show, refresh, close() { id = null; } };
}

const back = () => h("a", { class: "back", href: "#/alerts" }, "Back to the list");

const seconds = (ns) => Math.max(0, ns / 1e9).toFixed(3);

const section = (title, ...children) => h("section", null, h("h3", null, title), children);

const heading = (alert) =>
  h("header", null,
    h("p", { class: "tags" }, level(alert.level), h("span", { class: `status ${alert.status === "firing" ? "firing" : ""}` }, alert.status),
      h("span", null, alert.stream), alert.key && alert.key !== alert.stream && h("span", null, alert.key)),
    h("h2", null, alert.title),
    h("p", { class: "meta" }, when(alert.opened_ns), " to ", when(alert.updated_ns), alert.resolved_ns !== null && [", resolved ", when(alert.resolved_ns)],
      alert.lines_seen > 0 && ` · ${number(alert.windows)} odd ${alert.windows === 1 ? "window" : "windows"}, ${number(alert.lines_seen)} lines`));

function gauge(alert) {
  const detectors = Object.entries(alert.detectors).sort((a, b) => b[1] - a[1]);
  return h("section", { class: "gauge" },
    h("div", { class: "sum" }, h("b", null, Math.round(alert.risk)), h("span", null, "risk of 100"),
      h("p", null, `anomaly ${Math.round(alert.anomaly)}, severity ${Math.round(alert.severity)}`)),
    h("table", null, h("caption", { class: "away" }, "What made the anomaly"),
      h("thead", { class: "away" }, h("tr", null, h("th", { scope: "col" }, "from"), h("th", { scope: "col" }, "share"), h("th", { scope: "col" }, "verdict"))),
      h("tbody", null, detectors.map(([name, share]) => h("tr", null, h("th", { scope: "row" }, name),
        h("td", null, meter(share, `${Math.round(100 * share)} percent`), ` ${Math.round(100 * share)} %`),
        h("td", { class: "verdict" }, alert.scores[name] === undefined ? "the lines' own words" : `${Math.round(alert.scores[name])} of 100 unusual`))))));
}

function around(alert, chart) {
  if (!chart) return section("Risk around it", h("p", { class: "chart none" }, "..."));
  const { points, begin, end } = chart;
  const mark = [alert.opened_ns, Math.max(alert.updated_ns, alert.opened_ns + 1e10)];
  if (!points.length) return section("Risk around it", h("p", { class: "chart none" }, "The daemon keeps six hours of scores since it started; none are of then."));
  return section("Risk around it", h("div", { class: "plot big" }, risk(points, "Risk around the alert", { begin, end, mark })),
    h("p", { class: "axis", "aria-hidden": "true" }, when(begin), when(end)));
}

const why = (alert) => alert.reasons.length > 0 && section("Why", h("ul", { class: "why" }, alert.reasons.map((reason) => h("li", null, reason))));

const templates = (alert) =>
  alert.templates.length > 0 && section("What is unusual", h("ol", { class: "unusual" }, alert.templates.map(unusual)));

function unusual(one) {
  const most = Math.max(one.seen, one.expected, 1e-9);
  return h("li", null,
    h("p", { class: "share" }, meter(one.share, `${Math.round(100 * one.share)} percent of it`), h("span", null, `${Math.round(100 * one.share)} %`),
      one.is_new && h("b", { class: "new" }, "new")),
    template(one.text),
    h("dl", { class: "counts" },
      h("div", null, h("dt", null, "seen"), h("dd", null, meter(one.seen / most, ""), few(one.seen))),
      h("div", null, h("dt", null, "expected"), h("dd", null, meter(one.expected / most, ""), few(one.expected)))),
    one.nearest && h("p", { class: "nearest" }, h("span", null, "nearest known"), template(one.nearest),
      one.difference.length > 0 && h("span", { class: "differs" }, one.difference.map(([there, here]) =>
        h("span", null, h("del", null, there || "nothing"), " became ", h("ins", null, here || "nothing"))))),
    one.instead.length > 0 && h("div", { class: "nearest" }, h("span", null, "expected instead"), one.instead.map(template)));
}

const few = (value) => (value === Math.round(value) || value >= 10 ? number(value) : value < 0.01 ? "hardly ever" : value.toFixed(2));

function lines(alert) {
  const sources = new Map();
  for (const line of alert.lines) sources.set(line.source, [...(sources.get(line.source) ?? []), line]);
  if (!sources.size) return null;
  return section("Lines", [...sources].map(([source, found]) =>
    h("figure", { class: "lines" },
      h("figcaption", null, h("code", null, source), ", at byte"),
      h("ol", null, found.map((line) => h("li", { class: line.marked && "odd", title: `${source}:${line.offset}` },
        h("span", { class: "at" }, line.offset), line.marked && h("span", { class: "away" }, "odd: "), h("code", null, line.text)))))));
}
