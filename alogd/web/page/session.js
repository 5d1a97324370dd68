// Who may change something: the daemon's token, asked for once and kept in this tab only (no cookie: other sites can send nothing with it).

import { h } from "./dom.js";

const KEPT = "alogd.token";
const FILE = /the text of (.+) on the daemon's host/;

const button = document.getElementById("sign-out");
let asking = null; // what all who need the token wait for

/** The token as it is sent: the bytes of its UTF-8, which is all that a header takes; null before anybody signed in. */
export function known() {
  const token = sessionStorage.getItem(KEPT);
  return token && String.fromCharCode(...new TextEncoder().encode(token));
}

/** Asks for the token; said: the daemon's answer, refused: the token it did not take. Throws an Error when nobody gives one. */
export function signIn(said, refused) {
  if (refused !== known()) return Promise.resolve(); // somebody signed in meanwhile
  if (refused !== null) keep(null);
  asking ??= ask(FILE.exec(said)?.[1], refused !== null).finally(() => { asking = null; });
  return asking;
}

function keep(token) {
  if (token === null) sessionStorage.removeItem(KEPT);
  else sessionStorage.setItem(KEPT, token);
  button.hidden = token === null;
}

function ask(file, again) {
  const cancel = h("button", { type: "button" }, "Cancel");
  const input = h("input", { type: "password", id: "token", autocomplete: "off", spellcheck: "false", required: true, maxlength: 4096, "aria-describedby": "token-is" });
  const dialog = h("dialog", { class: "sign-in", "aria-labelledby": "sign-in" },
    h("form", null,
      h("h2", { id: "sign-in" }, "Sign in"),
      again && h("p", { class: "problem", role: "alert" }, "The daemon does not take that token."),
      h("p", { id: "token-is", class: "meta" }, "To change something, this daemon wants its token: ",
        file ? ["the text of ", h("code", null, file), " on its host."] : "the text of its http.token_file.",
        " It is kept until this tab is closed, or you sign out."),
      h("label", { for: "token" }, "Token"), input,
      h("p", { class: "acts" }, h("button", { type: "submit", class: "go" }, "Sign in"), cancel)));
  return new Promise((resolve, reject) => {
    let given = null;
    dialog.addEventListener("submit", (event) => {
      event.preventDefault();
      given = input.value;
      dialog.close();
    });
    cancel.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => { // also by Escape
      dialog.remove();
      if (given === null) reject(new Error("you did not sign in"));
      else resolve(keep(given));
    });
    document.body.append(dialog);
    dialog.showModal();
    input.focus();
  });
}

button.hidden = sessionStorage.getItem(KEPT) === null;
button.addEventListener("click", () => keep(null));
