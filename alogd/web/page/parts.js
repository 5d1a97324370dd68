// Pieces that several views show.

import { h } from "./dom.js";
import { iso, pieces, time } from "./format.js";

export const LEVELS = ["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO"];

export const level = (name) => h("span", { class: `level ${LEVELS.includes(name) ? name.toLowerCase() : ""}` }, name);

export const when = (ns) => h("time", { datetime: iso(ns), title: iso(ns) }, time(ns));

/** A template; what varies stands out from what it says. */
export const template = (text) =>
  h("code", { class: "template" }, pieces(text).map(([part, masked]) => (masked ? h("var", null, part) : part)));

/** One row of a list of alerts, a link to all of it. */
export function alertRow(alert, chosen) {
  return h("a", { class: "alert-row", href: `#/alerts/${encodeURIComponent(alert.id)}`, "aria-current": alert.id === chosen && "true", "data-status": alert.status },
    h("span", { class: "edge" }, level(alert.level), h("b", { class: "risk" }, Math.round(alert.risk))),
    h("span", { class: "what" },
      h("span", { class: "title" }, alert.title),
      h("span", { class: "meta" }, alert.status === "firing" && h("em", null, "firing · "), when(alert.updated_ns), " · ",
        alert.stream, alert.key && alert.key !== alert.stream ? ` / ${alert.key}` : "")));
}

export const meter = (share, label) =>
  h("span", { class: "meter", role: "img", "aria-label": label }, h("i", { "width%": 100 * share }));
