// The last changes. Law: an event costs a place in a list; what is read, drawn and kept is bounded, whatever comes.

import { element, find, onFrame, pathNode, setText, shown } from './dom.js';
import { bytes, count, time } from './format.js';

const ROWS = 60;
const PENDING_MAX = 5000; // between two frames; more are counted, not read
const DRAW_MS = 250; // nobody reads faster
const TOLD_MS = 15_000;
const SIGNS = { created: '+', modified: '~', deleted: '−', renamed: '→' };

export class Feed {
  /** `onChanges` is called with the changes that were read, and whether some were skipped. */
  constructor(onChanges) {
    this.onChanges = onChanges;
    this.pending = [];
    this.skipped = 0;
    this.latest = []; // the newest first
    this.roots = [];
    this.paused = false;
    this.drawnAt = 0;
    this.untold = 0;
    this.list = find('feed');
    this.button = find('pause');
    this.button.addEventListener('click', () => this.pause());
    setInterval(() => this.tell(), TOLD_MS);
  }

  take(data) {
    if (this.pending.length < PENDING_MAX) this.pending.push(data);
    else this.skipped += 1;
  }

  /** A batch is whole. */
  flush() {
    onFrame(this.readNow ??= () => this.read());
  }

  read() {
    if (!this.pending.length) return;
    const changes = this.pending.map((data) => JSON.parse(data));
    this.untold += changes.length + this.skipped;
    this.onChanges(changes, this.skipped > 0);
    this.pending = [];
    this.skipped = 0;
    this.latest = [...changes.slice(-ROWS).reverse(), ...this.latest].slice(0, ROWS);
    if (!this.paused && !this.drawing) {
      const wait = Math.max(0, this.drawnAt + DRAW_MS - performance.now());
      this.drawing = setTimeout(() => onFrame(this.drawNow ??= () => this.draw()), wait);
    }
  }

  pause() {
    this.paused = !this.paused;
    this.button.setAttribute('aria-pressed', String(this.paused));
    setText(this.button, this.paused ? 'Go on' : 'Pause');
    if (!this.paused) this.draw();
  }

  draw() {
    this.drawing = undefined;
    this.drawnAt = performance.now();
    if (this.paused) return;
    find('feed-empty').hidden = this.latest.length > 0;
    const there = new Map([...this.list.children].map((row) => [row.change, row]));
    this.list.replaceChildren(...this.latest.map((change) => there.get(change) ?? this.row(change)));
  }

  row(change) {
    const row = element('li', { class: change.type },
      element('span', { class: 'sign', 'aria-hidden': 'true' }, SIGNS[change.type] ?? '?'),
      element('span', { class: 'unseen' }, `${change.type} `),
      this.place(change),
      element('span', { class: 'more' }, change.kind === 'file' && change.type !== 'deleted' ? bytes(change.size) : change.kind === 'file' ? '' : change.kind),
      element('time', { datetime: change.timestamp }, time(change.timestamp)));
    row.change = change;
    return row;
  }

  place(change) {
    const to = pathNode(...this.relative(change.path, change.path_b64));
    if (change.type !== 'renamed') return to;
    const from = pathNode(...this.relative(change.old_path, change.old_path_b64));
    return element('span', { class: 'moved' }, element('s', {}, from), element('span', { class: 'unseen' }, ' to '), to);
  }

  /** A path below the single root, or below one of several by the last part of its path; else as it is. */
  relative(path, base64) {
    const root = this.roots.find((each) => path.startsWith(`${each}/`));
    if (root === undefined) return [path, base64];
    const cut = this.roots.length > 1 ? root.lastIndexOf('/') + 1 : root.length + 1;
    if (!base64) return [path.slice(cut), undefined];
    const bytesToCut = new TextEncoder().encode(path.slice(0, cut)).length; // of a root, which is UTF-8
    return [path.slice(cut), btoa(atob(base64).slice(bytesToCut))];
  }

  /** For who hears the page: now and then, how much and the last of it. */
  tell() {
    if (!this.untold || this.paused || document.hidden) return;
    const [last] = this.latest;
    setText(find('feed-told'), `${count(this.untold)} changes; the last: ${last.type} ${shown(...this.relative(last.path, last.path_b64))}`);
    this.untold = 0;
  }
}
