// The tree, directory by directory: each is asked for when it is opened, and again when something in it has changed.
// Law: what is drawn of one directory is bounded; the keyboard does what a tree's does (WAI-ARIA, tree view).

import { ask, Problem } from './api.js';
import { bytesOf, element, find, nameNode, shown } from './dom.js';
import { bytes, count } from './format.js';

const SHOWN = 200; // then as many more at a time
const LOOK_MS = 1000; // between two directories that are asked for again
const TYPED_MS = 700;

/** A name as it stands in an address: its bytes, whatever they are. */
function encoded(name, base64) {
  if (!base64) return name.split('/').map(encodeURIComponent).join('/');
  return Array.from(bytesOf(base64), (byte) => (byte === 0x2f ? '/' : `%${byte.toString(16).padStart(2, '0')}`)).join('');
}

const upper = (path) => path.slice(0, path.lastIndexOf('/'));

class Entry {
  constructor(tree, path, level, told) {
    this.tree = tree;
    this.path = path; // as in an address
    this.level = level;
    this.told = told;
    this.isDirectory = told.kind === 'dir';
    this.isOpen = false;
    this.shown = SHOWN;
    this.children = new Map();
    const label = shown(told.name, told.name_b64);
    const more = this.isDirectory ? '' : told.kind === 'file' ? bytes(told.size) : told.kind;
    this.more = element('span', { class: 'more' }, more);
    this.item = element('li', {
      role: 'treeitem', tabindex: '-1', 'aria-level': String(level), class: told.kind,
      'aria-label': more ? `${label} ${more}` : label,
      'aria-expanded': this.isDirectory ? 'false' : null,
    }, element('div', { class: 'row' }, nameNode(told.name, told.name_b64), this.more));
    this.item.entry = this;
  }

  async open() {
    if (!this.isDirectory || this.isOpen) return;
    this.isOpen = true;
    this.item.setAttribute('aria-expanded', 'true');
    this.group = element('ul', { role: 'group' });
    this.item.append(this.group);
    this.tree.opened.set(this.path, this);
    await this.load();
  }

  close() {
    if (!this.isOpen) return;
    this.isOpen = false;
    for (const path of this.tree.opened.keys()) {
      if (path === this.path || path.startsWith(`${this.path}/`)) this.tree.opened.delete(path);
    }
    this.item.setAttribute('aria-expanded', 'false');
    this.group.remove();
    this.children.clear();
    this.shown = SHOWN;
  }

  async load() {
    try {
      const { tree } = await ask('tree', `mode=json&depth=1&path=${this.path}`);
      if (this.isOpen) this.draw(tree.children ?? []);
    } catch (error) {
      if (!this.isOpen) return;
      if (error.status === 401) this.tree.on.problem(error);
      this.group.replaceChildren(note(error instanceof Problem ? error.message : 'The server does not answer.', this.level + 1));
    }
  }

  draw(children) {
    this.listed = children;
    const first = [...children.filter((each) => each.kind === 'dir'), ...children.filter((each) => each.kind !== 'dir')];
    const there = this.children;
    this.children = new Map();
    const items = first.slice(0, this.shown).map((told) => {
      const path = `${this.path}/${encoded(told.name, told.name_b64)}`;
      const before = there.get(path);
      const same = before?.told.kind === told.kind && before.told.size === told.size;
      const entry = same ? before : new Entry(this.tree, path, this.level + 1, told);
      if (before && !same) before.close();
      this.children.set(path, entry);
      return entry.item;
    });
    for (const [path, entry] of there) if (!this.children.has(path)) entry.close();
    if (!first.length) items.push(note('empty', this.level + 1));
    if (first.length > this.shown) items.push(this.rest(first.length - this.shown));
    this.tree.keepingFocus(() => this.group.replaceChildren(...items));
  }

  rest(left) {
    const item = note(`${count(left)} more`, this.level + 1);
    item.classList.add('rest');
    item.activate = () => {
      const at = this.shown;
      this.shown += SHOWN;
      this.draw(this.listed);
      this.tree.focus(this.group.children[at]);
    };
    return item;
  }
}

function note(text, level) {
  return element('li', { role: 'treeitem', tabindex: '-1', 'aria-level': String(level), class: 'note' },
    element('div', { class: 'row' }, text));
}

export class Tree {
  constructor(on) {
    this.on = on;
    this.opened = new Map(); // by path, as in an address
    this.stale = new Set();
    this.roots = [];
    this.typed = '';
    this.top = find('tree');
    this.top.addEventListener('click', (event) => this.clicked(event));
    this.top.addEventListener('keydown', (event) => this.pressed(event));
    setInterval(() => this.lookAgain(), LOOK_MS);
  }

  /** The roots there are; those that stay, stay as they are. */
  setRoots(roots) {
    const names = JSON.stringify(roots.map((root) => [root.path, root.path_b64]));
    if (names === this.names) return;
    this.names = names;
    const there = new Map(this.roots.map((entry) => [entry.path, entry]));
    this.roots = roots.map(({ path, path_b64: base64 }) => {
      const address = encoded(path, base64);
      return there.get(address) ?? new Entry(this, address, 1, { name: path, name_b64: base64, kind: 'dir' });
    });
    this.top.replaceChildren(...this.roots.map((entry) => entry.item));
    this.top.querySelector('[role=treeitem]')?.setAttribute('tabindex', '0');
    if (this.roots.length === 1) this.roots[0].open();
  }

  /** What has changed: the directories that are open and have it are asked for again. */
  changed(changes, some) {
    if (some) for (const path of this.opened.keys()) this.stale.add(path);
    if (some || !this.opened.size) return;
    for (const { path, path_b64: base64, old_path: old, old_path_b64: oldBase64 } of changes) {
      this.touch(path, base64);
      if (old !== undefined) this.touch(old, oldBase64);
    }
  }

  touch(path, base64) {
    const directory = upper(encoded(path, base64));
    if (this.opened.has(directory)) this.stale.add(directory);
  }

  anew() {
    for (const path of this.opened.keys()) this.stale.add(path);
  }

  async lookAgain() {
    if (this.looking || document.hidden) return;
    const [path] = this.stale;
    if (path === undefined) return;
    this.stale.delete(path);
    this.looking = true;
    await this.opened.get(path)?.load();
    this.looking = false;
  }

  // ---------------------------------------------------------------- the mouse, and the keyboard

  items() {
    return [...this.top.querySelectorAll('[role=treeitem]')];
  }

  focus(item) {
    if (!item) return;
    for (const each of this.top.querySelectorAll('[tabindex="0"]')) each.setAttribute('tabindex', '-1');
    item.setAttribute('tabindex', '0');
    item.focus();
  }

  /** Whoever had the focus and is gone leaves it to the directory above. */
  keepingFocus(draw) {
    const active = this.top.contains(document.activeElement) ? document.activeElement : null;
    const above = active?.parentElement?.closest('[role=treeitem]');
    draw();
    if (active && !this.top.contains(active)) this.focus(this.top.contains(above) ? above : this.items()[0]);
    if (!this.top.querySelector('[tabindex="0"]')) this.items()[0]?.setAttribute('tabindex', '0');
    if (active && document.activeElement !== active && this.top.contains(active)) active.focus();
  }

  toggle(item) {
    if (item.activate) item.activate();
    else if (item.entry?.isOpen) item.entry.close();
    else item.entry?.open();
  }

  clicked(event) {
    const item = event.target.closest('.row')?.parentElement;
    if (!item) return;
    this.focus(item);
    this.toggle(item);
  }

  pressed(event) {
    const item = event.target.closest('[role=treeitem]');
    if (!item || event.ctrlKey || event.metaKey || event.altKey) return;
    const items = this.items();
    const at = items.indexOf(item);
    const moves = {
      ArrowDown: () => this.focus(items[at + 1]),
      ArrowUp: () => this.focus(items[at - 1]),
      Home: () => this.focus(items[0]),
      End: () => this.focus(items.at(-1)),
      ArrowRight: () => (item.entry?.isOpen ? this.focus(item.entry.group.firstElementChild) : item.entry?.open()),
      ArrowLeft: () => (item.entry?.isOpen ? item.entry.close() : this.focus(item.parentElement.closest('[role=treeitem]'))),
      Enter: () => this.toggle(item),
      ' ': () => this.toggle(item),
    };
    if (moves[event.key]) moves[event.key]();
    else if (event.key.length === 1) this.type(event.key, items, at);
    else return;
    event.preventDefault();
  }

  /** To the next one whose name begins so. */
  type(key, items, at) {
    clearTimeout(this.typing);
    this.typing = setTimeout(() => { this.typed = ''; }, TYPED_MS);
    this.typed += key.toLowerCase();
    const from = this.typed.length > 1 ? at : at + 1;
    const round = [...items.slice(from), ...items.slice(0, from)];
    this.focus(round.find((each) => each.getAttribute('aria-label')?.toLowerCase().startsWith(this.typed)));
  }
}
