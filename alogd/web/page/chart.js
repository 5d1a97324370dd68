// Small charts of risk over log time, drawn as SVG. Gaps in time stay gaps in the line.

import { h } from "./dom.js";
import { time } from "./format.js";

const HEIGHT = 100;

/** points: [begin ns, risk 0-100, records]; marks: [from ns, to ns] to shade; named for those who cannot see it. */
export function risk(points, name, { begin, end, mark } = {}) {
  if (!points.length) return h("p", { class: "chart none" }, "no windows yet");
  const from = begin ?? points[0][0];
  const until = Math.max(end ?? points.at(-1)[0], from + 1);
  const x = (ns) => (1000 * (ns - from)) / (until - from);
  const y = (value) => HEIGHT - 2 - 0.96 * value;
  const step = typical(points);
  const peak = points.reduce((best, point) => (point[1] > best[1] ? point : best));
  const label = `${name}: at most ${Math.round(peak[1])} of 100, at ${time(peak[0])}`;
  const runs = split(points, step * 10);
  return h("svg", { class: "chart", viewBox: `0 0 1000 ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": label },
    mark && h("rect", { class: "mark", x: x(mark[0]).toFixed(1), y: 0, width: Math.max(4, x(mark[1]) - x(mark[0])).toFixed(1), height: HEIGHT }),
    [40, 60, 80].map((level) => h("line", { class: "grid", x1: 0, x2: 1000, y1: y(level), y2: y(level) })),
    runs.map((run) => [
      h("path", { class: "area", d: `M${x(run[0][0]).toFixed(1)} ${HEIGHT}${line(run, x, y, step)}V${HEIGHT}Z` }),
      h("path", { class: "line", d: `M${x(run[0][0]).toFixed(1)} ${y(run[0][1]).toFixed(1)}${line(run, x, y, step)}` }),
    ]));
}

/** counts: one an hour, oldest first; as bars, the highest as high as there is room. Named for those who cannot see it. */
export function bars(counts, name) {
  const most = counts.reduce((one, other) => Math.max(one, other), 1);
  return h("svg", { class: "bars", viewBox: `0 0 ${4 * counts.length} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": name },
    counts.map((count, at) => {
      const height = count ? Math.max(6, (HEIGHT * count) / most) : 2;
      return h("rect", { class: count ? "some" : "no", x: 4 * at, y: (HEIGHT - height).toFixed(1), width: 3, height: height.toFixed(1) });
    }));
}

const line = (run, x, y, step) =>
  run.map(([at, value]) => `L${x(at).toFixed(1)} ${y(value).toFixed(1)}`).join("") +
  (run.length === 1 ? `L${x(run[0][0] + step).toFixed(1)} ${y(run[0][1]).toFixed(1)}` : "");

function typical(points) {
  const gaps = points.slice(1).map((point, at) => point[0] - points[at][0]).sort((a, b) => a - b);
  return gaps.length ? gaps[Math.floor(gaps.length / 2)] : 1e10;
}

function split(points, most) {
  const runs = [[]];
  for (const point of points) {
    const last = runs.at(-1).at(-1);
    if (last && point[0] - last[0] > most) runs.push([]);
    runs.at(-1).push(point);
  }
  return runs;
}
