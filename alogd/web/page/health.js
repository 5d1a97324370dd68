// Whether alogd itself is well: sources, sinks, the state on disk, the configuration.

import { get } from "./data.js";
import { fill, h } from "./dom.js";
import { ago, bytes, number } from "./format.js";

const EVERY_MS = 5000;

export function health(box, model) {
  const sinks = h("section");
  const sources = h("section");
  box.append(h("h1", { class: "away" }, "Health of alogd"), sinks, sources);
  let open = true;

  function draw(now) {
    if (!now) return;
    fill(sinks, h("h2", null, "alogd itself"),
      h("div", { class: "cells" },
        cell("Reading", now.ready, now.ready ? "logs are being followed" : now.reasons[0] ?? "not ready"),
        cell("State on disk", !now.saved.problem, now.saved.problem || (now.saved.last ? `saved ${ago(now.saved.last)}` : "nothing to save yet"),
          now.saved.failed > 0 && `${number(now.saved.failed)} saves failed`),
        cell("Configuration", now.config.ok, now.config.ok ? `read ${ago(now.config.time)}` : "the last reload failed; the one before is in force"),
        now.sinks.map((sink) => cell(`Sink ${sink.name}`, !sink.problem, sink.problem || `${number(sink.outcomes.sent ?? 0)} sent`,
          sink.waiting > 0 && `${number(sink.waiting)} waiting`))),
      h("p", { class: "meta" }, `alogd ${now.version}, started ${ago(now.started)}`));
  }

  async function load() {
    try {
      const { streams } = await get("streams");
      if (open) fill(sources, h("h2", null, "Sources"), streams.map(table));
    } catch (error) {
      if (open) fill(sources, h("h2", null, "Sources"), h("p", { class: "empty" }, `Not loaded: ${error.message}`));
    }
  }

  draw(model.overview);
  load();
  const timer = setInterval(load, EVERY_MS);
  return { overview: draw, close() { open = false; clearInterval(timer); } };
}

const cell = (name, ok, words, more) =>
  h("div", { class: "cell", "data-state": ok ? "ok" : "bad" }, h("i", { class: "lamp", "aria-hidden": "true" }),
    h("h3", null, name), h("p", null, h("span", { class: "away" }, ok ? "well: " : "not well: "), words), more && h("p", { class: "meta" }, more));

function table(stream) {
  return h("div", { class: "sources" },
    h("h3", null, stream.name),
    stream.unread.length > 0 && h("ul", { class: "reasons" }, stream.unread.map((why) => h("li", null, why))),
    stream.sources.length === 0 ? h("p", { class: "empty" }, "Nothing is being read.")
      : h("div", { class: "wide" }, h("table", null,
        h("thead", null, h("tr", null, ["source", "state", "read", "behind"].map((name) => h("th", { scope: "col" }, name)))),
        h("tbody", null, stream.sources.map((source) => h("tr", null,
          h("th", { scope: "row" }, h("code", null, source.name)),
          h("td", { class: source.error && "bad" }, source.error || source.state),
          h("td", null, bytes(source.offset)),
          h("td", null, source.size > source.offset ? bytes(source.size - source.offset) : "nothing")))))),
    stream.source_count > stream.sources.length && h("p", { class: "meta" }, `and ${number(stream.source_count - stream.sources.length)} more`));
}
