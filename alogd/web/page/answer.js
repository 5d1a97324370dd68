// What a person can say to an alert: I have it, not now, that was expected, that was real; with what was said before, and undo.
// One listener on the box does what the button that was pressed names: the parts below are drawn anew again and again.

import { change, get } from "./data.js";
import { h } from "./dom.js";
import { when } from "./parts.js";

const SPANS = [["3600", "1 hour"], ["28800", "8 hours"], ["86400", "1 day"]];
const DAY_MS = 86400e3;

/** box: where the section of `draw(alert, said)` stands; refresh(): asks the daemon and draws; redraw(): draws as known. */
export function answers(box, refresh, redraw) {
  let open = false; // whether the form of a silence is shown
  let problem = "";
  let about = null;

  const done = { by: "page" };
  const acts = {
    ack: () => change("POST", `alerts/${about}/ack`, done),
    unack: () => change("DELETE", `alerts/${about}/ack?by=page`),
    expected: () => change("POST", "feedback", { alert: about, verdict: "expected", ...done }),
    host: () => change("POST", "feedback", { alert: about, verdict: "expected", scope: "host", ...done }),
    real: () => change("POST", "feedback", { alert: about, verdict: "real", ...done }),
    undo: ({ kind, id }) => change("DELETE", `${kind}/${id}?by=page`),
    silenced: async (_, form) => {
      await change("POST", "silences", { alert: about, scope: form.elements.scope.value, ends: ends(form), why: form.elements.why.value.trim(), ...done });
      open = false;
    },
  };

  function toggle() {
    open = !open;
    redraw();
    if (open) box.querySelector(".silence input:checked").focus();
  }

  async function act(name, given, form) {
    problem = "";
    try {
      await acts[name](given, form);
    } catch (error) {
      problem = `Not done: ${error.message}`;
    }
    await refresh();
  }

  box.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-do]");
    if (button?.dataset.do === "silence") toggle();
    else if (button) act(button.dataset.do, button.dataset);
  });
  box.addEventListener("submit", (event) => { event.preventDefault(); act("silenced", {}, event.target); });
  box.addEventListener("input", (event) => { if (event.target.name === "until") event.target.form.elements.span.value = "until"; });

  function draw(alert, said) {
    const other = about !== alert.id;
    about = alert.id;
    if (other) [open, problem] = [false, ""];
    const judged = said.some(isVerdict);
    return h("section", { class: "answer", id: `answer-${alert.id}`, "aria-label": "What to do about it" },
      alert.ack && h("p", { class: "said" }, h("span", null, "Acknowledged", by(alert.ack), ", ", when(alert.ack.at * 1e9)), button("unack", "Take back")),
      said.map((one) => h("p", { class: "said" }, h("span", null, inWords(one), by(one), ", until ", when(one.ends * 1e9)),
        one.kind !== "maintenance" && button("undo", "Undo", { kind: isVerdict(one) ? "feedback" : "silences", id: one.id }))),
      h("p", { class: "acts" }, !alert.ack && alert.status === "firing" && button("ack", "Acknowledge"),
        h("button", { type: "button", "data-do": "silence", "aria-expanded": String(open) }, "Silence ..."),
        !judged && [button("expected", alert.is_lasting ? "This is the new normal" : "This was expected"), alert.hosts?.length > 0 && button("host", "Expected on this host"), button("real", "This was real")]),
      open && form(alert),
      h("p", { class: "meta problem", role: "status" }, problem));
  }

  return { draw };
}

const isVerdict = (one) => one.kind === "expected" || one.kind === "real";
const inWords = (one) => (isVerdict(one) ? `Judged to be ${one.kind}` : one.kind === "maintenance" ? `Maintenance, ${one.why}` : "Silenced");

/** What people said of this alert, or that holds it back, as long as it counts. */
export async function answersTo(id) {
  const [{ feedback }, { silences }] = await Promise.all([get("feedback"), get("silences")]);
  return [...feedback, ...silences].filter((one) => one.state === "active" && (one.alert === id || one.held.includes(id)));
}

const button = (name, text, given = {}) =>
  h("button", { type: "button", "data-do": name, "data-kind": given.kind, "data-id": given.id }, text);

const by = (one) => (one.by && one.by !== "page" ? ` by ${one.by}` : "");

function form(alert) {
  const patterns = alert.templates.filter((one) => one.share >= 0.05).length;
  const pattern = patterns > 1 ? `These ${patterns} patterns` : "This pattern";
  return h("form", { class: "silence" },
    group("What", choice("scope", "pattern", `${pattern} on ${alert.stream}`, true), choice("scope", "stream", `All of ${alert.stream}`)),
    group("How long", SPANS.map(([value, name], at) => choice("span", value, name, at === 0)),
      h("span", { class: "until" }, choice("span", "until", "until"),
        h("input", { type: "datetime-local", name: "until", "aria-label": "until when", value: soon() }))),
    h("label", { class: "group" }, h("span", null, "Why"), h("input", { type: "text", name: "why", maxlength: 500, placeholder: "optional" })),
    h("p", { class: "acts" }, h("button", { type: "submit", class: "go" }, "Silence"), button("silence", "Cancel")));
}

const group = (name, ...choices) =>
  h("div", { class: "group", role: "radiogroup", "aria-label": name }, h("span", { "aria-hidden": "true" }, name), h("div", null, choices));

const choice = (name, value, text, checked) => h("label", null, h("input", { type: "radio", name, value, checked }), h("span", null, text));

/** Seconds since 1970 at which the silence a form asks for ends. */
function ends(given) {
  const span = given.elements.span.value;
  if (span !== "until") return Date.now() / 1000 + Number(span);
  const moment = new Date(given.elements.until.value).getTime() / 1000;
  if (!Number.isFinite(moment)) throw new Error("say until when");
  return moment;
}

/** Tomorrow at this minute, as such an input takes it. */
function soon() {
  const then = new Date(Date.now() + DAY_MS);
  return new Date(then.getTime() - then.getTimezoneOffset() * 60e3).toISOString().slice(0, 16);
}
