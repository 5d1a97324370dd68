// Elements made of plain values. Text only ever becomes text nodes: nothing here, or anywhere else, parses markup.

const SVG = "http://www.w3.org/2000/svg";
// What would reorder its neighbours, or is not seen: a name must not be read as another one. As in alogd's own alogd/escape.py.
const STEERS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ufff9-\ufffb]/g;
const spelt = (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
const DRAWN = new Set(["svg", "path", "line", "rect", "circle", "g"]);

/** An element: attributes by name (false, null: left out), then children: nodes, texts, nested lists, null. */
export function h(tag, attributes, ...children) {
  const node = DRAWN.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === false || value === null || value === undefined) continue;
    if (name === "width%") node.style.width = `${Math.max(0, Math.min(100, value))}%`;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(4)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : String(child).replace(STEERS, spelt));
  }
  return node;
}

/** Make `parent` hold what `wanted` are, touching only what differs: focus, selection and scrolling stay. */
export function fill(parent, ...wanted) {
  const news = wanted.flat(4).filter((node) => node !== null && node !== undefined && node !== false);
  const olds = [...parent.childNodes];
  news.forEach((item, at) => {
    const node = item instanceof Node ? item : document.createTextNode(String(item).replace(STEERS, spelt));
    if (at >= olds.length) parent.append(node);
    else merge(olds[at], node);
  });
  for (const old of olds.slice(news.length)) old.remove();
}

function merge(old, node) {
  if (old.nodeType !== node.nodeType || old.nodeName !== node.nodeName || old.id !== node.id) {
    old.replaceWith(node);
    return;
  }
  if (node.nodeType === Node.TEXT_NODE) {
    if (old.data !== node.data) old.data = node.data;
    return;
  }
  for (const { name } of [...old.attributes]) if (!node.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of node.attributes) {
    if (name === "style") old.style.width = node.style.width;
    else if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  fill(old, [...node.childNodes]);
}
