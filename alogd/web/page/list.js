// A list of any length of which only what is seen is in the document; one height for all rows, arrow keys move the focus.

import { fill } from "./dom.js";

const BEYOND = 8; // rows kept above and below

export class List {
  /** box: the element that scrolls; row(index): the element of a row, also with others beside it, or null where its item is not known yet;
   * need(first, last): asked when such rows come into sight. */
  constructor(box, { height, row, need }) {
    this.box = box;
    this.height = height;
    this.row = row;
    this.need = need ?? (() => {});
    this.length = 0;
    this.current = 0; // which row Tab leads to
    this.rows = new Map();
    this.space = document.createElement("div");
    this.space.className = "space";
    this.space.setAttribute("role", "presentation");
    box.replaceChildren(this.space);
    box.addEventListener("scroll", () => this.soon(), { passive: true });
    box.addEventListener("keydown", (event) => this.key(event));
    box.addEventListener("focusin", (event) => this.focused(event));
    this.watch = new ResizeObserver(() => this.soon());
    this.watch.observe(box);
  }

  /** The items changed: look at every row again. */
  update(length) {
    this.length = length;
    this.current = Math.max(0, Math.min(this.current, length - 1));
    this.space.style.height = `${length * this.height}px`;
    this.draw(true);
  }

  soon() {
    this.due ??= requestAnimationFrame(() => { this.due = undefined; this.draw(false); });
  }

  range() {
    const first = Math.max(0, Math.floor(this.box.scrollTop / this.height) - BEYOND);
    const last = Math.min(this.length, Math.ceil((this.box.scrollTop + this.box.clientHeight) / this.height) + BEYOND);
    return [first, last];
  }

  draw(anew) {
    const [first, last] = this.range();
    for (const [index, node] of this.rows) {
      if ((index < first || index >= last) && (index >= this.length || !node.contains(document.activeElement))) {
        node.remove();
        this.rows.delete(index);
      }
    }
    let missing = false;
    for (let index = first; index < last; index += 1) {
      if (!anew && this.rows.get(index)?.dataset.known) continue;
      missing = !this.put(index) || missing;
    }
    if (missing) this.need(first, last);
  }

  put(index) {
    const made = this.row(index);
    let slot = this.rows.get(index);
    if (!slot) {
      slot = document.createElement("div");
      slot.className = "slot";
      slot.setAttribute("role", "presentation");
      slot.style.transform = `translateY(${index * this.height}px)`;
      slot.dataset.index = index;
      this.rows.set(index, slot);
      this.space.append(slot);
    }
    if (made) slot.dataset.known = "1";
    else delete slot.dataset.known;
    const parts = [made].flat().filter(Boolean);
    reachable(parts, index === this.current);
    fill(slot, parts);
    return made !== null;
  }

  focused(event) {
    const slot = event.target.closest?.(".slot");
    if (!slot) return;
    reachable(this.rows.get(this.current)?.children ?? [], false);
    this.current = Number(slot.dataset.index);
    reachable(slot.children, true);
  }

  key(event) {
    const page = Math.max(1, Math.floor(this.box.clientHeight / this.height) - 1);
    const to = { ArrowDown: this.current + 1, ArrowUp: this.current - 1, PageDown: this.current + page,
      PageUp: this.current - page, Home: 0, End: this.length - 1 }[event.key];
    if (to === undefined || !this.length || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.focus(Math.max(0, Math.min(this.length - 1, to)));
  }

  focus(index) {
    const top = index * this.height;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    const over = top + this.height - this.box.clientHeight;
    if (over > this.box.scrollTop) this.box.scrollTop = over;
    this.draw(false);
    this.rows.get(index)?.firstElementChild?.focus({ preventScroll: true });
  }

  close() {
    this.watch.disconnect();
  }
}

/** Whether Tab leads to the parts of a row. */
function reachable(parts, whether) {
  for (const part of parts) part.setAttribute("tabindex", whether ? "0" : "-1");
}
