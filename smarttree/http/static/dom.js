// Nodes. Law: whatever comes from the tree becomes text, never markup, and what can't be seen in it is shown: control
// characters, marks that reorder text, bytes that are no UTF-8. Two different names look different.

const SHORT = new Map([['\\', '\\\\'], ['\n', '\\n'], ['\r', '\\r'], ['\t', '\\t']]);
// Not to be seen, or not as itself: controls, formats, what is unassigned; separators but the plain space.
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}\\]|(?! )\p{Zs}/gu;
const UNSEEN_IN_LINE = /[\p{C}\p{Zl}\p{Zp}]/gu; // in a file's line a backslash is one, and a tab a gap

const hex = (number, digits) => number.toString(16).padStart(digits, '0');

function escaped(char) {
  const number = char.codePointAt(0);
  if (SHORT.has(char)) return SHORT.get(char);
  if (number < 0x80) return `\\x${hex(number, 2)}`;
  return number < 0x10000 ? `\\u${hex(number, 4)}` : `\\U${hex(number, 8)}`;
}

const decoder = new TextDecoder('utf-8', { fatal: true });

export function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
}

/** Text as parts, each `[text, whether it stands for something else]`. */
function partsOfText(text, unseen = UNSEEN) {
  const parts = [];
  let from = 0;
  for (const found of text.matchAll(unseen)) {
    if (found.index > from) parts.push([text.slice(from, found.index), false]);
    parts.push([escaped(found[0]), true]);
    from = found.index + found[0].length;
  }
  if (from < text.length) parts.push([text.slice(from), false]);
  return parts;
}

/** The same of bytes, of which some are no UTF-8. */
function partsOfBytes(bytes) {
  const parts = [];
  let at = 0;
  while (at < bytes.length) {
    const lead = bytes[at];
    const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    try {
      parts.push(...partsOfText(decoder.decode(bytes.subarray(at, at + length))));
      at += length;
    } catch {
      parts.push([`\\x${hex(lead, 2)}`, true]);
      at += 1;
    }
  }
  return parts;
}

const parts = (text, base64) => (base64 ? partsOfBytes(bytesOf(base64)) : partsOfText(text));

/** A name or path as a plain string that shows everything: for labels, and to compare. */
export function shown(text, base64) {
  return parts(text, base64).map(([part]) => part).join('');
}

function nodes(list) {
  return list.map(([part, stands]) => (stands ? element('span', { class: 'escape' }, part) : part));
}

/** A name, apart from the direction of the text around it. */
export function nameNode(text, base64) {
  return element('bdi', { class: 'name' }, ...nodes(parts(text, base64)));
}

/** A path: what leads there, dim, and the name. */
export function pathNode(text, base64) {
  const whole = parts(text, base64);
  let cut = whole.length - 1;
  while (cut >= 0 && (whole[cut][1] || !whole[cut][0].includes('/'))) cut -= 1;
  const [part] = cut < 0 ? [''] : whole[cut];
  const slash = part.lastIndexOf('/') + 1;
  const before = [...whole.slice(0, Math.max(cut, 0)), [part.slice(0, slash), false]];
  const after = [[part.slice(slash), false], ...whole.slice(cut + 1)];
  return element('bdi', { class: 'path' }, element('span', { class: 'dim' }, ...nodes(before)),
    element('span', { class: 'name' }, ...nodes(after)));
}

/** A piece of a file's line. */
export function lineNodes(text) {
  return nodes(partsOfText(text.replaceAll('\t', '  '), UNSEEN_IN_LINE));
}

export const find = (id) => document.getElementById(id);

/** An element with attributes (an absent one is null), and children that are nodes or text. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Text that is set only where it changes: what a screen reader follows must not be told twice. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const due = new Set();
let asked = false;

/** Draw in the next frame, once, however often it is asked for. In a tab that nobody sees there are none. */
export function onFrame(draw) {
  due.add(draw);
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    const now = [...due];
    due.clear();
    for (const each of now) each();
  });
}
