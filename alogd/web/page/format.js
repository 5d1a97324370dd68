// Numbers and times as a person reads them.

const UNITS = ["B", "kB", "MB", "GB", "TB"];
const whole = new Intl.NumberFormat("en");
const SPANS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

export const number = (value) => whole.format(Math.round(value));

export function short(value) {
  if (value < 10000) return value < 10 && value !== Math.round(value) ? value.toFixed(1) : number(value);
  return value < 1e6 ? `${Math.round(value / 1000)}k` : `${(value / 1e6).toFixed(1)}M`;
}

export function bytes(value) {
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) { value /= 1000; unit += 1; }
  return `${unit && value < 10 ? value.toFixed(1) : Math.round(value)} ${UNITS[unit]}`;
}

/** Seconds as "12 s", "5 min", "3 h", "2 d". */
export function span(seconds) {
  const [size, unit] = SPANS.find(([least]) => seconds >= least) ?? [1, "s"];
  return `${Math.max(0, Math.floor(seconds / size))} ${unit}`;
}

export const ago = (seconds) => {
  const past = Date.now() / 1000 - seconds;
  return past < 2 ? "now" : `${span(past)} ago`;
};

const pad = (value) => String(value).padStart(2, "0");

/** Nanoseconds since 1970 in the reader's time zone; the day only when it is not today, the year only when it is another. */
export function time(ns) {
  if (ns === null || ns === undefined) return "unknown";
  const when = new Date(ns / 1e6);
  if (Number.isNaN(when.getTime())) return "unknown";
  const clock = `${pad(when.getHours())}:${pad(when.getMinutes())}:${pad(when.getSeconds())}`;
  return when.toDateString() === new Date().toDateString() ? clock : `${day(when)} ${clock}`;
}

/** The same in a list: as much as tells rows apart. */
export function moment(ns) {
  const when = new Date((ns ?? NaN) / 1e6);
  if (Number.isNaN(when.getTime()) || when.toDateString() === new Date().toDateString()) return time(ns);
  return when.getFullYear() === new Date().getFullYear() ? `${day(when)} ${pad(when.getHours())}:${pad(when.getMinutes())}` : day(when);
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const day = (when) => when.getFullYear() === new Date().getFullYear()
  ? `${when.getDate()} ${MONTHS[when.getMonth()]}`
  : `${when.getFullYear()}-${pad(when.getMonth() + 1)}-${pad(when.getDate())}`;

export function iso(ns) {
  const when = new Date((ns ?? NaN) / 1e6);
  return Number.isNaN(when.getTime()) ? null : when.toISOString();
}

const TOKEN = /(<(?:[A-Z][A-Z0-9_]*|\*)>)/;

/** A template's text in pieces: [text, whether it is a mask]. */
export const pieces = (text) => text.split(TOKEN).filter((part) => part !== "").map((part) => [part, TOKEN.test(part)]);
