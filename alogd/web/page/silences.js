// What people asked not to be told of, or always: silences, and what was judged to be expected or real; each can be ended here.

import { change, get } from "./data.js";
import { fill, h } from "./dom.js";
import { number } from "./format.js";
import { when } from "./parts.js";

const EVERY_MS = 5000;
const MOST_OVER = 50;
const NEVER = 253402300000; // seconds since 1970: the end of the year 9999, which stands for no end
const ORDER = { active: 0, pending: 1, expired: 2, undone: 2 };

export function silences(box) {
  const held = h("section");
  const over = h("section");
  const problem = h("p", { class: "meta problem", role: "status" });
  box.append(h("h1", { class: "away" }, "Silences"), problem, held, over);
  let open = true;

  async function load() {
    try {
      const [{ silences: asked }, { feedback }] = await Promise.all([get("silences"), get("feedback")]);
      if (!open) return;
      const all = [...asked, ...feedback].sort((a, b) => ORDER[a.state] - ORDER[b.state] || b.created - a.created);
      const now = all.filter((one) => ORDER[one.state] < 2);
      fill(held, h("h2", null, "In force, and to come"), now.length ? h("ul", { class: "mutes" }, now.map(row))
        : h("p", { class: "empty" }, "Nothing is held back. An opened alert has a button to silence what it is about."));
      const past = all.slice(now.length, now.length + MOST_OVER);
      fill(over, past.length > 0 && h("h2", null, "Over"), past.length > 0 && h("ul", { class: "mutes over" }, past.map(row)));
    } catch (error) {
      if (open) problem.textContent = `Not loaded: ${error.message}`;
    }
  }

  box.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-id]");
    if (!button) return;
    try {
      await change("DELETE", `${button.dataset.kind}/${button.dataset.id}?by=page`);
      problem.textContent = "";
    } catch (error) {
      problem.textContent = `Not done: ${error.message}`;
    }
    await load();
  });
  load();
  const timer = setInterval(load, EVERY_MS);
  return { close() { open = false; clearInterval(timer); } };
}

function row(one) {
  const every = [one.days.join(", "), one.hours].filter(Boolean).join(" ");
  return h("li", { id: `mute-${one.id}`, "data-mute": one.state },
    h("div", { class: "what" },
      one.title && h("p", { class: "title" }, one.title),
      h("p", { class: "matchers" }, one.matchers.map((text) => h("code", null, text))),
      h("p", { class: "meta" }, h("b", null, one.kind), " · ", standing(one),
        every && ` · ${every} ${one.timezone}`, one.by && ` · by ${one.kind === "maintenance" ? "the configuration" : one.by}`, one.alert && [" · ", h("a", { href: `#/alerts/${encodeURIComponent(one.alert)}` }, "its alert")],
        one.held.length > 0 && ` · ${number(one.held.length)} held back`),
      one.why && h("p", { class: "why" }, one.why)),
    one.kind !== "maintenance" && ORDER[one.state] < 2 && h("button", { type: "button", "data-id": one.id, "data-kind": one.kind === "silence" ? "silences" : "feedback" }, "Undo"));
}

/** Where it stands: a word, and the moment that goes with it. */
function standing(one) {
  if (one.state === "undone") return ["undone ", when(one.undone * 1e9)];
  if (one.state === "expired") return ["expired ", when(one.ends * 1e9)];
  if (one.begins * 1000 > Date.now()) return ["begins ", when(one.begins * 1e9)];
  const now = one.state === "pending" ? "not at this hour; " : "";
  return one.ends >= NEVER ? `${now}without end` : [`${now}until `, when(one.ends * 1e9)];
}
