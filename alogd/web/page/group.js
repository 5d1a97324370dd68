// Alerts of several streams that began together: one row, its root first, the others folded below it.

import { h } from "./dom.js";
import { level } from "./parts.js";

export const alertLink = (id, text) => h("a", { href: `#/alerts/${encodeURIComponent(id)}` }, text);

/** Items, newest change first, as [{ root, others }]: a group stands where its newest change does. What names a root that is not there stands alone. */
export function groups(items) {
  const there = new Map(items.map((item) => [item.id, item]));
  const found = new Map();
  for (const item of items) {
    const id = there.has(item.cause) ? item.cause : item.id;
    if (!found.has(id)) found.set(id, { root: there.get(id), others: [] });
    if (id !== item.id) found.get(id).others.push(item);
  }
  for (const { others } of found.values()) others.sort((a, b) => a.opened_ns - b.opened_ns);
  return [...found.values()];
}

/** Groups as rows: { alert, others } of a root, { alert, under } of what is unfolded below it. */
export function rows(found, unfolded) {
  return found.flatMap(({ root, others }) =>
    [{ alert: root, others }, ...(unfolded.has(root.id) ? others.map((alert) => ({ alert, under: root.id })) : [])]);
}

/** The button that unfolds a row's others. */
export function foldButton({ alert, others }, unfolded) {
  if (!others?.length) return null;
  const more = `${others.length} more that began with it`;
  return h("button", { type: "button", class: "fold", "data-fold": alert.id, "aria-expanded": String(unfolded.has(alert.id)), "aria-label": more, title: more }, `+${others.length}`);
}

/** The group of an opened alert; root: the alert that tells of it, unless it is that itself (null: it has left the history). */
export function together(alert, root) {
  const first = alert.cause ? root : alert;
  if (!first) return h("p", { class: "together" }, "Began together with an alert of another stream that is no longer kept.");
  if (!first.also?.length && first === alert) return null;
  const others = (first.also ?? []).map((one) => (one.id === alert.id ? alert : one));
  if (first !== alert && !others.includes(alert)) others.push(alert);
  return h("section", { class: "together" }, h("h3", null, `Began together in ${new Set([first, ...others].map((one) => one.stream)).size} streams`),
    h("ol", null, [first, ...others].map((one) =>
      h("li", { "aria-current": one === alert && "true" }, level(one.level), h("b", null, one.stream),
        h("span", null, one === alert ? one.title : alertLink(one.id, one.title), one === first && h("em", null, "began here"))))));
}
