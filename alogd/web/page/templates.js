// What was learned: every template of every stream, searched and sorted by the daemon, loaded page by page as one scrolls.

import { bars } from "./chart.js";
import { get } from "./data.js";
import { fill, h } from "./dom.js";
import { List } from "./list.js";
import { number } from "./format.js";
import { template, when } from "./parts.js";

const PAGE = 200;
const KEPT = 20; // pages
const TYPING_MS = 250;
const ORDERS = [["count", "Most frequent"], ["rare", "Rarest"], ["first", "Newest"], ["last", "Seen last"], ["id", "Oldest"]];

export function templates(box, model) {
  const search = h("input", { type: "search", placeholder: "Text in templates  ( / )", "aria-label": "Text in templates", maxlength: 200 });
  const streams = h("select", { "aria-label": "Stream" }, h("option", { value: "" }, "All streams"));
  const order = h("select", { "aria-label": "Order" }, ORDERS.map(([value, name]) => h("option", { value }, name)));
  const summary = h("p", { class: "summary", role: "status" });
  const frame = h("div", { class: "list table", role: "table", "aria-label": "Templates" });
  const none = h("p", { class: "empty", hidden: true }, "No template fits.");
  box.append(h("h1", { class: "away" }, "Templates"),
    h("form", { class: "filters", role: "search" }, search, order, streams, summary),
    h("div", { class: "heads", "aria-hidden": "true" }, ["lines", "template", "stream", "last 24 hours", "first seen", "last seen"].map((name) => h("span", null, name))),
    frame, none);

  const pages = new Map(); // number -> templates, or null while it is being asked for
  let total = 0;
  let asked = 0;
  let typing = null;
  const list = new List(frame, { height: 44, row, need });

  function row(index) {
    const one = pages.get(Math.floor(index / PAGE))?.[index % PAGE];
    if (!one) return null;
    return h("div", { class: "template-row", role: "row", "aria-rowindex": index + 1 },
      h("span", { role: "cell", class: "n" }, number(one.count)),
      h("span", { role: "cell", class: "text", title: one.text }, template(one.text)),
      h("span", { role: "cell", class: "of" }, one.stream),
      h("span", { role: "cell", class: "trend", title: trend(one.trend) }, one.trend.length ? bars(one.trend, trend(one.trend)) : null),
      h("span", { role: "cell", class: "seen" }, when(one.first_ns)),
      h("span", { role: "cell", class: "seen" }, when(one.last_ns)));
  }

  /** Lines by the hour, of the stream's last day of log time. */
  function trend(counts) {
    if (!counts.length) return "no line in the last 24 hours of the log";
    const lines = counts.reduce((sum, count) => sum + count);
    return `${number(lines)} ${lines === 1 ? "line" : "lines"} in 24 hours, ${number(Math.max(...counts))} in one at most, ${number(counts.at(-1))} in the last`;
  }

  function need(first, last) {
    for (let page = Math.floor(first / PAGE); page * PAGE < last; page += 1) if (!pages.has(page)) ask(page);
    for (const page of [...pages.keys()]) {
      if (pages.size <= KEPT) break;
      if (page < Math.floor(first / PAGE) - 1 || page * PAGE > last + PAGE) pages.delete(page);
    }
  }

  async function ask(page) {
    const mine = asked;
    pages.set(page, null);
    try {
      const answer = await get("templates", { contains: search.value.trim(), stream: streams.value, order: order.value, limit: PAGE, offset: page * PAGE });
      if (mine !== asked) return;
      pages.set(page, answer.templates);
      total = answer.total;
      none.hidden = total > 0;
      summary.textContent = `${number(total)} ${total === 1 ? "template" : "templates"}`;
      frame.setAttribute("aria-rowcount", total);
      list.update(total);
    } catch (error) {
      if (mine !== asked) return;
      pages.delete(page);
      summary.textContent = `Not loaded: ${error.message}`;
    }
  }

  function load() {
    asked += 1;
    pages.clear();
    frame.scrollTop = 0;
    ask(0);
  }

  function names(now) {
    if (!now) return;
    const kept = streams.value;
    fill(streams, h("option", { value: "" }, "All streams"), now.streams.map(({ name }) => h("option", { value: name }, name)));
    streams.value = kept;
  }

  box.querySelector("form").addEventListener("submit", (event) => { event.preventDefault(); load(); });
  search.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(load, TYPING_MS); });
  for (const select of [streams, order]) select.addEventListener("change", load);
  names(model.overview);
  load();
  return { overview: names, close() { list.close(); clearTimeout(typing); } };
}
