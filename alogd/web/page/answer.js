// What a person can say to an alert: I have it, not now, that was expected, that was real; with what was said before, and undo.
// One listener on the box does what the button that was pressed names: the parts below are drawn anew again and again.

import { change, get } from "./data.js";
import { h } from "./dom.js";
import { when } from "./parts.js";

const SHORT = [["3600", "1 hour"], ["28800", "8 hours"], ["86400", "1 day"]];
const LONG = [["604800", "1 week"], ["2592000", "30 days"], ["31536000", "1 year"]];
const DAY_MS = 86400e3;

/** box: where the section of `draw(alert, said)` stands; refresh(): asks the daemon and draws; redraw(): draws as known. */
export function answers(box, refresh, redraw) {
  let open = ""; // which form is shown, "silence" or "expect"
  let problem = "";
  let about = null;

  const done = { by: "page" };
  const acts = {
    ack: () => change("POST", `alerts/${about}/ack`, done),
    unack: () => change("DELETE", `alerts/${about}/ack?by=page`),
    expected: () => change("POST", "feedback", { alert: about, verdict: "expected", ...done }),
    real: () => change("POST", "feedback", { alert: about, verdict: "real", ...done }),
    undo: ({ kind, id }) => change("DELETE", `${kind}/${id}?by=page`),
    silence: (_, form) => change("POST", "silences", { ...filled(form), ...done }),
    expect: (_, form) => change("POST", "feedback", { ...filled(form), verdict: "expected", ...done }),
  };

  /** What both forms ask for; throws for a moment that is none. */
  const filled = (form) => ({ alert: about, scope: form.elements.scope.value, ends: ends(form), why: form.elements.why.value.trim() });

  function toggle(name) {
    open = open === name ? "" : name;
    redraw();
    if (open) box.querySelector(".form input:checked").focus();
  }

  async function act(name, given, form) {
    problem = "";
    try {
      await acts[name](given, form);
      if (open === name) open = "";
    } catch (error) {
      problem = `Not done: ${error.message}`;
    }
    await refresh();
  }

  box.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-do]");
    if (button?.hasAttribute("aria-expanded")) toggle(button.dataset.do);
    else if (button?.dataset.do === "cancel") toggle(open);
    else if (button) act(button.dataset.do, button.dataset);
  });
  box.addEventListener("submit", (event) => { event.preventDefault(); act(open, {}, event.target); });
  box.addEventListener("input", (event) => { if (event.target.name === "until") event.target.form.elements.span.value = "until"; });

  function draw(alert, said) {
    const other = about !== alert.id;
    about = alert.id;
    if (other) [open, problem] = ["", ""];
    const judged = said.some(isVerdict);
    return h("section", { class: "answer", id: `answer-${alert.id}`, "aria-label": "What to do about it" },
      alert.ack && h("p", { class: "said" }, h("span", null, "Acknowledged", by(alert.ack), ", ", when(alert.ack.at * 1e9)), button("unack", "Take back")),
      said.map((one) => h("p", { class: "said" }, h("span", null, inWords(one), by(one), ", until ", when(one.ends * 1e9)),
        one.kind !== "maintenance" && button("undo", "Undo", { kind: isVerdict(one) ? "feedback" : "silences", id: one.id }))),
      h("p", { class: "acts" }, !alert.ack && alert.status === "firing" && button("ack", "Acknowledge"),
        opener("silence", "Silence ...", open),
        !judged && [button("expected", alert.is_lasting ? "This is the new normal" : "This was expected"), opener("expect", "Expected until ...", open), button("real", "This was real")]),
      open && (open === "silence" ? silence : expect)(alert),
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

const opener = (name, text, open) =>
  h("button", { type: "button", "data-do": name, "aria-expanded": String(open === name) }, text);

const by = (one) => (one.by && one.by !== "page" ? ` by ${one.by}` : "");

function silence(alert) {
  return form("Silence", SHORT, 1,
    group("What", choice("scope", "pattern", `${patterns(alert)} on ${alert.stream}`, true), choice("scope", "stream", `All of ${alert.stream}`)));
}

function expect(alert) {
  return form("Expect it", LONG, 30,
    group("Where", choice("scope", "here", `On ${[...new Set([alert.stream, alert.key])].filter(Boolean).join(", ")}`, true),
      alert.hosts?.length > 0 && choice("scope", "host", `On ${alert.hosts.slice(0, 3).join(", ")}, in any stream`),
      alert.templates.length > 0 && choice("scope", "template", `${patterns(alert)} anywhere`)));
}

function patterns(alert) {
  const number = alert.templates.filter((one) => one.share >= 0.05).length;
  return number > 1 ? `These ${number} patterns` : "This pattern";
}

/** go: what its button says; spans: [seconds, name] to choose from; days: how far off the moment is that it suggests. */
function form(go, spans, days, scope) {
  return h("form", { class: "form" }, scope,
    group("How long", spans.map(([value, name], at) => choice("span", value, name, at === 0)),
      h("span", { class: "until" }, choice("span", "until", "until"),
        h("input", { type: "datetime-local", name: "until", "aria-label": "until when", value: inDays(days) }))),
    h("label", { class: "group" }, h("span", null, "Why"), h("input", { type: "text", name: "why", maxlength: 500, placeholder: "optional" })),
    h("p", { class: "acts" }, h("button", { type: "submit", class: "go" }, go), button("cancel", "Cancel")));
}

const group = (name, ...choices) =>
  h("div", { class: "group", role: "radiogroup", "aria-label": name }, h("span", { "aria-hidden": "true" }, name), h("div", null, choices));

const choice = (name, value, text, checked) => h("label", null, h("input", { type: "radio", name, value, checked }), h("span", null, text));

/** Seconds since 1970 at which what a form asks for ends. */
function ends(given) {
  const span = given.elements.span.value;
  if (span !== "until") return Date.now() / 1000 + Number(span);
  const moment = new Date(given.elements.until.value).getTime() / 1000;
  if (!Number.isFinite(moment)) throw new Error("say until when");
  return moment;
}

/** This minute so many days from now, as such an input takes it. */
function inDays(days) {
  const then = new Date(Date.now() + days * DAY_MS);
  return new Date(then.getTime() - then.getTimezoneOffset() * 60e3).toISOString().slice(0, 16);
}
