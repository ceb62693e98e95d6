// Search: names while one types, contents when asked. Law: one search at a time, and what is shown is bounded.

import { ask } from './api.js';
import { bytesOf, element, find, lineNodes, pathNode, setText } from './dom.js';
import { bytes, count } from './format.js';

const LIMIT = 200;
const TIMEOUT_MS = 10_000;
const TYPING_MS = 250;
const LINE_CHARS = 400;

const encoder = new TextEncoder();
const loose = new TextDecoder();

export class Search {
  constructor(feed, on) {
    this.feed = feed;
    this.on = on;
    this.form = find('find');
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.run();
    });
    this.form.addEventListener('input', () => {
      clearTimeout(this.typing);
      if (this.where() === 'name') this.typing = setTimeout(() => this.run(), TYPING_MS);
    });
  }

  where() {
    return this.form.elements.in.value;
  }

  query() {
    const asked = new URLSearchParams({ q: find('find-q').value, in: this.where(), limit: LIMIT, timeout_ms: TIMEOUT_MS });
    if (find('find-regex').checked) asked.set('regex', '1');
    if (find('find-glob').value) asked.set('glob', find('find-glob').value);
    return String(asked);
  }

  async run() {
    clearTimeout(this.typing);
    this.going?.abort();
    if (!find('find-q').value) {
      find('found').replaceChildren();
      setText(find('find-told'), '');
      return;
    }
    const going = this.going = new AbortController();
    find('found').setAttribute('aria-busy', 'true');
    try {
      const told = await ask('search', this.query(), { signal: going.signal });
      this.draw(told);
    } catch (error) {
      if (going.signal.aborted) return;
      find('found').replaceChildren();
      setText(find('find-told'), error.message);
      if (error.status === 401) this.on.problem(error);
    }
    find('found').removeAttribute('aria-busy');
  }

  draw(told) {
    const isName = this.where() === 'name';
    const matches = told.matches.filter((each) => each.type !== 'context');
    const files = new Set(matches.map((each) => each.path.text ?? each.path.bytes)).size;
    const what = isName ? `${count(matches.length)} names` : `${count(matches.length)} lines in ${count(files)} files`;
    const limit = told.limit_reached ? ', and there are more' : told.timed_out ? ', and then the time was up' : '';
    setText(find('find-told'), matches.length ? what + limit : told.timed_out ? 'Nothing, before the time was up.' : 'Nothing.');
    find('found').replaceChildren(...matches.map((each) => (each.type === 'entry' ? this.name(each) : this.line(each))));
  }

  place(path) {
    return path.bytes === undefined
      ? this.feed.relative(path.text)
      : this.feed.relative(loose.decode(bytesOf(path.bytes)), path.bytes);
  }

  name(entry) {
    return element('li', {}, pathNode(...this.place(entry.path)),
      element('span', { class: 'more' }, entry.kind === 'file' ? bytes(entry.size) : entry.kind));
  }

  line(match) {
    return element('li', { class: 'hit' },
      element('span', { class: 'where' }, pathNode(...this.place(match.path)), element('span', { class: 'more' }, `line ${count(match.line_number)}`)),
      element('code', { dir: 'auto' }, ...marked(match)));
  }
}

/** The line, with what matches marked: offsets are of bytes. A long one is cut around its first match. */
function marked({ lines, submatches }) {
  const line = lines.bytes === undefined ? encoder.encode(lines.text) : bytesOf(lines.bytes);
  const first = submatches[0]?.start ?? 0;
  const from = Math.max(0, first - LINE_CHARS / 4);
  const to = Math.min(line.length, from + LINE_CHARS);
  const text = (start, end) => loose.decode(line.subarray(start, end)).replace(/[\r\n]+$/u, '');
  const parts = from > 0 ? ['…'] : [];
  let at = from;
  for (const { start, end } of submatches) {
    if (start < at || end > to) continue;
    parts.push(...lineNodes(text(at, start)), element('mark', {}, ...lineNodes(text(start, end))));
    at = end;
  }
  parts.push(...lineNodes(text(at, to)));
  return to < line.length ? [...parts, '…'] : parts;
}
