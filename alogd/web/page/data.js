// What the daemon says: asked with get(), or told by live() through server-sent events, or polling where they fail.

import { known, signIn } from "./session.js";

const POLL_MS = 5000;
const TIMEOUT_MS = 20000;

/** One answer of the API. Throws an Error with what the daemon said. */
export async function get(path, parameters = {}) {
  const given = Object.entries(parameters).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const query = new URLSearchParams(given).toString();
  const answer = await fetch(`/api/v1/${path}${query ? `?${query}` : ""}`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!answer.ok) throw new Error((await answer.text()).trim() || `answered ${answer.status}`);
  return answer.json();
}

/** Asks the daemon to change something; where it wants a token, a person is asked for it. Throws an Error with what it said. */
export async function change(method, path, body) {
  for (;;) {
    const token = known();
    const headers = { ...(body && { "Content-Type": "application/json" }), ...(token && { Authorization: `Bearer ${token}` }) };
    const answer = await fetch(`/api/v1/${path}`, { method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (answer.ok) return;
    const said = (await answer.text()).trim() || `answered ${answer.status}`;
    const helps = answer.headers.get("WWW-Authenticate")?.includes("realm"); // elsewhere no token does
    if (answer.status !== 401 || !helps) throw new Error(said);
    await signIn(said, token);
  }
}

/** Calls `on.overview(value)`, `on.alert(brief)`, `on.reload()` and `on.state("live" | "polling" | "away")`. */
export function live(on) {
  let polling = null;
  const poll = async () => {
    try {
      on.overview(await get("overview"));
      on.state("polling");
      on.reload();
    } catch {
      on.state("away");
    }
  };
  const source = new EventSource("/api/v1/events");
  source.addEventListener("open", () => {
    clearInterval(polling);
    polling = null;
    on.state("live");
    on.reload(); // what came before anybody told us
  });
  source.addEventListener("overview", (event) => on.overview(JSON.parse(event.data)));
  source.addEventListener("alert", (event) => on.alert(JSON.parse(event.data)));
  source.addEventListener("reload", () => on.reload());
  source.addEventListener("error", () => {
    if (polling !== null) return;
    poll();
    polling = setInterval(poll, POLL_MS);
    if (source.readyState === EventSource.CLOSED) setTimeout(() => { clearInterval(polling); live(on); }, 60000);
  });
}
