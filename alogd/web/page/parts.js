// Pieces that several views show.

import { h } from "./dom.js";
import { iso, moment, pieces, time } from "./format.js";

export const LEVELS = ["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO"];

export const level = (name) => h("span", { class: `level ${LEVELS.includes(name) ? name.toLowerCase() : ""}` }, name);

export const when = (ns) => h("time", { datetime: iso(ns), title: iso(ns) }, time(ns));

/** A template; what varies stands out from what it says. */
export const template = (text) =>
  h("code", { class: "template" }, pieces(text).map(([part, masked]) => (masked ? h("var", null, part) : part)));

/** One row of a list of alerts, a link to all of it. others: what began with it and is listed too; under: the root it is listed below. */
export function alertRow(alert, chosen, { others = [], under = null } = {}) {
  const also = [...new Set([...alert.also_in, ...others.map((one) => one.stream)])].filter((name) => name !== alert.stream);
  return h("a", { class: "alert-row", "data-under": under, "data-others": others.length || null, href: `#/alerts/${encodeURIComponent(alert.id)}`, "aria-current": alert.id === chosen && "true", "data-status": alert.status, "data-acked": String(Boolean(alert.ack)) },
    h("span", { class: "edge" }, level(alert.level), h("b", { class: "risk" }, Math.round(alert.risk))),
    h("span", { class: "what" },
      h("span", { class: "head" }, h("span", { class: "title" }, alert.title), h("time", { datetime: iso(alert.updated_ns), title: iso(alert.updated_ns) }, moment(alert.updated_ns))),
      h("span", { class: "meta" }, alert.status === "firing" && h("em", null, alert.ack ? "acknowledged · " : "firing · "),
        also.length > 0 && "began in ", alert.stream, alert.key && alert.key !== alert.stream ? ` / ${alert.key}` : "",
        also.length > 0 && ` · also in ${also.join(", ")}`, under ? " · with it" : alert.cause && " · with another stream")));
}

export const meter = (share, label) =>
  h("span", { class: "meter", role: "img", "aria-label": label }, h("i", { "width%": 100 * share }));
