// All alerts, newest change first, with filters; the chosen one opens beside the list (over it, where there is no room).

import { evidence } from "./alert.js";
import { get } from "./data.js";
import { fill, h } from "./dom.js";
import { foldButton, groups, rows } from "./group.js";
import { List } from "./list.js";
import { LEVELS, alertRow } from "./parts.js";

const PAGE = 1000;
const TYPING_MS = 250;

export function alerts(box, model, rest) {
  const search = h("input", { type: "search", placeholder: "Text in alerts  ( / )", "aria-label": "Text in alerts", maxlength: 200 });
  const levels = h("select", { "aria-label": "Least level" }, h("option", { value: "" }, "Any level"),
    LEVELS.slice(0, 4).map((name) => h("option", { value: name }, name === "CRITICAL" ? "CRITICAL" : `${name} or worse`)));
  const streams = h("select", { "aria-label": "Stream" }, h("option", { value: "" }, "All streams"));
  const status = h("select", { "aria-label": "Status" }, h("option", { value: "" }, "Firing or not"),
    h("option", { value: "firing" }, "Firing"), h("option", { value: "resolved" }, "Resolved"));
  const summary = h("p", { class: "summary", role: "status" });
  const frame = h("div", { class: "list", role: "group", "aria-label": "Alerts, newest change first" });
  const none = h("p", { class: "empty", hidden: true });
  const older = h("button", { type: "button", class: "older", hidden: true }, "Load older alerts");
  const detail = h("article", { class: "detail", tabindex: "-1", "aria-label": "The chosen alert" });
  box.append(h("h1", { class: "away" }, "Alerts"),
    h("form", { class: "filters", role: "search" }, search, levels, streams, status, summary),
    h("div", { class: "split" }, h("div", { class: "side" }, frame, none, older), detail));

  const unfolded = new Set(); // ids of roots
  let items = [];
  let found = []; // in groups
  let shown = []; // row by row
  let next = null;
  let chosen = null;
  let sought = null; // the chosen one, until it was found in the list and its group unfolded
  let asked = 0;
  let typing = null;
  let due;
  const list = new List(frame, { height: 68, row: (index) => [alertRow(shown[index].alert, chosen, shown[index]), foldButton(shown[index], unfolded)] });

  const filter = () => ({ contains: search.value.trim(), min_level: levels.value, stream: streams.value, status: status.value });
  const isFiltered = () => Object.values(filter()).some(Boolean);

  function show() {
    none.hidden = items.length > 0;
    frame.hidden = items.length === 0;
    none.textContent = isFiltered() ? "No alert fits these filters." : "No alerts so far. When something unusual is logged, it appears here.";
    older.hidden = next === null;
    found = groups(items);
    unfoldChosen();
    for (const id of unfolded) if (!found.some(({ root, others }) => root.id === id && others.length)) unfolded.delete(id);
    const causes = found.length < items.length ? `, ${found.length} ${found.length === 1 ? "cause" : "causes"}` : "";
    summary.textContent = `${items.length}${next === null ? "" : "+"} ${items.length === 1 ? "alert" : "alerts"}${causes}`;
    draw();
  }

  /** The group of the chosen alert is unfolded once: the list may come after the choice, and whoever folds it again means it. */
  function unfoldChosen() {
    const item = items.find(({ id }) => id === sought);
    if (!item) return;
    if (item.cause) unfolded.add(item.cause);
    sought = null;
  }

  function draw() {
    shown = rows(found, unfolded);
    list.update(shown.length);
  }

  /** Shows or hides what is folded below a root; to: focus this one then. */
  function fold(id, open, to = id) {
    if (open) unfolded.add(id);
    else unfolded.delete(id);
    draw();
    focus(to);
  }

  function focus(id) {
    const at = shown.findIndex((row) => row.alert.id === id);
    if (at >= 0) list.focus(at);
  }

  async function load() {
    const mine = (asked += 1);
    try {
      const answer = await get("alerts", { ...filter(), limit: PAGE, brief: true });
      if (mine !== asked) return;
      items = answer.alerts;
      next = answer.next;
      show();
    } catch (error) {
      if (mine === asked) summary.textContent = `Not loaded: ${error.message}`;
    }
  }

  async function loadOlder() {
    const mine = asked;
    older.disabled = true;
    try {
      const answer = await get("alerts", { ...filter(), limit: PAGE, brief: true, after: next });
      if (mine !== asked) return;
      items = items.concat(answer.alerts);
      next = answer.next;
      show();
    } catch (error) {
      summary.textContent = `Not loaded: ${error.message}`;
    } finally {
      older.disabled = false;
    }
  }

  function told(alert) {
    if (alert.id === chosen) view.refresh();
    if (isFiltered()) { // only the daemon knows what fits
      clearTimeout(typing);
      typing = setTimeout(load, TYPING_MS);
      return;
    }
    items = items.filter((item) => item.id !== alert.id);
    const at = items.findIndex((item) => item.updated_ns <= alert.updated_ns);
    items.splice(at < 0 ? items.length : at, 0, alert);
    due ??= requestAnimationFrame(() => { due = undefined; show(); }); // many come together: one look for all of them
  }

  const view = evidence(detail);

  function go([id]) {
    const before = chosen;
    chosen = id || null;
    box.classList.toggle("opened", chosen !== null);
    sought = chosen;
    unfoldChosen();
    draw();
    view.show(chosen);
    if (chosen !== null && chosen !== before) detail.focus({ preventScroll: true });
    if (chosen === null && before !== null) focus(before);
  }

  function names(now) {
    if (!now) return;
    const kept = streams.value;
    fill(streams, h("option", { value: "" }, "All streams"), now.streams.map(({ name }) => h("option", { value: name }, name)));
    streams.value = kept;
  }

  frame.addEventListener("click", (event) => {
    const id = event.target.closest("[data-fold]")?.dataset.fold;
    if (id) fold(id, !unfolded.has(id));
  });
  frame.addEventListener("keydown", (event) => {
    const row = shown[event.target.closest?.(".slot")?.dataset.index];
    if (event.key === "ArrowRight" && row?.others?.length) fold(row.alert.id, true);
    if (event.key === "ArrowLeft" && row) fold(row.under ?? row.alert.id, false);
  });
  const escape = (event) => { if (event.key === "Escape" && chosen !== null) location.hash = "#/alerts"; };
  box.addEventListener("keydown", escape);
  box.querySelector("form").addEventListener("submit", (event) => { event.preventDefault(); load(); });
  search.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(load, TYPING_MS); });
  for (const select of [levels, streams, status]) select.addEventListener("change", load);
  older.addEventListener("click", loadOlder);
  names(model.overview);
  load().then(() => go(rest));
  return { go, overview: names, alert: told, reload: load, close() { list.close(); view.close(); clearTimeout(typing); cancelAnimationFrame(due); } };
}
