// What the server says about the tree and about itself: `/stats` now and then, and totals with each batch.

import { ask } from './api.js';
import { element, find, nameNode, onFrame, pathNode, setText } from './dom.js';
import { bytes, count, rate } from './format.js';

const ASK_MS = 10_000;
const SCANNING_MS = 1000;
const PROBLEMS_SHOWN = 20;
const INTERVALS = ['1m', '5m', '1h', '24h'];

export class Figures {
  /** `feed` says where a path begins; `pulse` takes what is known of the last minute; `on.problem` what went wrong. */
  constructor(feed, pulse, on) {
    this.feed = feed;
    this.pulse = pulse;
    this.on = on;
    this.clock = null;
    this.asked = null;
    this.totals = null;
  }

  /** A batch has come: the totals of all roots together. */
  count(message) {
    this.clock = message.clock;
    this.totals = message.stats;
    onFrame(this.drawTotals ??= () => this.drawNow());
  }

  drawNow() {
    setText(find('files'), count(this.totals.files));
    setText(find('dirs'), count(this.totals.dirs));
    setText(find('size'), bytes(this.totals.size));
    setText(find('clock'), this.clock);
  }

  start() {
    this.stop();
    this.running = true;
    this.asked = null;
    this.look();
  }

  stop() {
    this.running = false;
    clearTimeout(this.next);
  }

  /** Asks, unless nothing has happened or nobody looks. */
  async look() {
    let wait = ASK_MS;
    try {
      if (!document.hidden && (this.asked === null || this.clock !== this.asked)) {
        const [stats, watch] = await Promise.all([ask('stats'), ask('watch')]);
        if (!this.running) return;
        const wasAsked = this.asked;
        this.asked = this.clock = stats.clock;
        this.totals = { files: stats.files, dirs: stats.dirs, size: stats.size };
        this.on.ready(watch, wasAsked === null);
        onFrame(() => this.draw(stats, watch));
      } else if (!document.hidden && this.asked !== null) {
        this.asked = ''; // windows grow old by themselves: every other time they are looked at anyway
      }
    } catch (error) {
      if (error.code === 'not-ready') wait = SCANNING_MS;
      this.on.problem(error);
    }
    if (this.running) this.next = setTimeout(() => this.look(), wait);
  }

  draw(stats, watch) {
    this.drawNow();
    this.drawWindows(stats.windows);
    this.drawRoots(watch.roots);
    this.drawWatcher(stats);
    this.drawProblems(stats.problems);
    const [most] = stats.by_directory;
    bars('by-directory', stats.by_directory, most?.size, (each) => this.place(each));
    bars('by-extension', stats.by_extension.slice(0, 10), stats.by_extension[0]?.size, (each) =>
      each.extension ? nameNode(each.extension) : element('em', {}, 'none'));
    bars('largest', stats.largest, stats.largest[0]?.size, (each) => this.place(each));
  }

  place({ path, path_b64: base64 }) {
    return pathNode(...this.feed.relative(path, base64));
  }

  drawWindows(windows) {
    const rows = INTERVALS.map((interval) => {
      const of = windows.filter((each) => each.interval === interval);
      const changes = of.reduce((sum, each) => sum + each.changes, 0);
      const growth = of.reduce((sum, each) => sum + each.growth_bytes, 0);
      if (interval === '1m') this.pulse.know(changes);
      if (interval === '5m') this.drawHot(of);
      return element('tr', {},
        element('th', { scope: 'row' }, interval),
        element('td', {}, count(changes)),
        element('td', {}, rate(of.reduce((sum, each) => sum + each.changes_per_second, 0))),
        element('td', {}, `${growth < 0 ? '−' : '+'}${bytes(Math.abs(growth))}`));
    });
    find('windows').replaceChildren(...rows);
  }

  drawHot(windows) {
    const several = windows.length > 1;
    const hot = windows.flatMap((each) => each.hot_files.map((file) =>
      [several ? `${each.path.slice(each.path.lastIndexOf('/') + 1)}/${file}` : file]));
    find('hot').replaceChildren(...hot.slice(0, 10).map(([file]) => element('li', {}, pathNode(file))));
    find('hot-empty').hidden = hot.length > 0;
  }

  drawRoots(roots) {
    find('roots').replaceChildren(...roots.map((root) => element('li', { class: `root ${root.state}` },
      pathNode(root.path, root.path_b64),
      element('span', { class: 'more' }, root.state === 'ready'
        ? `${count(root.files)} files, ${bytes(root.size)}`
        : root.state === 'scanning' ? `scanning: ${count(root.entries)}` : root.state))));
  }

  drawWatcher({ watcher, state, streams, contents, clients }) {
    const facts = [
      ['changes by', watcher.name],
      ['history', state.directory === null ? 'in memory' : 'on disk'],
      ['streams', streams.lagging ? `${count(clients)}, ${count(streams.lagging)} behind` : count(clients)],
      ...(contents ? [['contents', contents.waiting ? `${count(contents.waiting)} to read` : 'all known']] : []),
    ];
    find('watcher').replaceChildren(...facts.map(([name, value]) =>
      element('div', {}, element('dt', {}, name), element('dd', {}, value))));
    this.degraded = [watcher.degraded, state.degraded].filter(Boolean);
  }

  drawProblems(problems) {
    const told = this.degraded.map((text) => element('p', { class: 'warning' }, text));
    if (problems.length) {
      const more = problems.length - PROBLEMS_SHOWN;
      const rows = problems.slice(0, PROBLEMS_SHOWN).map((each) =>
        element('li', {}, this.place(each), element('span', { class: 'more' }, each.message)));
      if (more > 0) rows.push(element('li', { class: 'more' }, `and ${count(more)} more`));
      const open = find('problems').querySelector('details')?.open ? '' : null;
      told.push(element('details', { class: 'warning', open },
        element('summary', {}, `${count(problems.length)} could not be read`),
        element('ul', { class: 'list' }, ...rows)));
    }
    find('problems').replaceChildren(...told);
  }
}

/** A list in which each row has a bar as long as its size, of the largest. */
function bars(id, rows, most, label) {
  find(id).replaceChildren(...rows.map((each) => {
    const bar = element('progress', { max: '1000', value: String(most ? Math.round((each.size / most) * 1000) : 0), 'aria-hidden': 'true' });
    return element('li', {}, label(each), element('span', { class: 'more' }, bytes(each.size)), bar);
  }));
}
