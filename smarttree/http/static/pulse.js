// How much happens: changes by the second, for three minutes. Law: what is drawn is redrawn once a second, in a frame.

import { find, onFrame, setText } from './dom.js';
import { count, rate } from './format.js';

const SECONDS = 180;
const HEIGHT = 48;

export class Pulse {
  constructor() {
    this.seconds = new Array(SECONDS).fill(0); // the newest last
    this.now = Math.floor(performance.now() / 1000);
    this.since = this.now;
    this.told = 0; // by the server, of the minute before that
    this.toldAt = this.now;
    setInterval(() => {
      this.turn();
      onFrame(this.drawNow ??= () => this.draw());
    }, 1000);
  }

  turn() {
    const now = Math.floor(performance.now() / 1000);
    const gone = Math.min(now - this.now, SECONDS);
    this.now = now;
    if (gone > 0) this.seconds.splice(0, gone), this.seconds.push(...new Array(gone).fill(0));
  }

  add(changes) {
    this.turn();
    this.seconds[SECONDS - 1] += changes;
  }

  /** What the server says about the last minute: what this page knows by itself only once it is a minute old. */
  know(changes) {
    this.turn();
    this.told = changes;
    this.toldAt = this.now;
  }

  perMinute() {
    const last = (seconds) => this.seconds.slice(SECONDS - seconds).reduce((sum, each) => sum + each, 0);
    return this.now - this.since >= 60 ? last(60) : this.told + last(Math.min(60, Math.max(1, this.now - this.toldAt)));
  }

  draw() {
    const top = Math.max(...this.seconds);
    const scale = (HEIGHT - 2) / Math.max(top, 4);
    let drawn = `M0 ${HEIGHT}`;
    this.seconds.forEach((each, at) => {
      const y = (HEIGHT - each * scale).toFixed(1);
      drawn += `L${at} ${y}L${at + 1} ${y}`;
    });
    find('chart-area').setAttribute('d', `${drawn}L${SECONDS} ${HEIGHT}Z`);
    setText(find('chart-top'), top ? `most: ${rate(top)}/s` : '');
    setText(find('per-minute'), count(this.perMinute()));
  }
}
