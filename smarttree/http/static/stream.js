// The one stream of this page. Law: whatever happens to it, it is tried again, from the last clock that was told; but
// not while nobody sees the page: over HTTP/1.1 a browser has six connections to a server, and other tabs want them.

const EVENTS = 'events=change,stats,message&tree=none';
const HELD_MS = 4000; // without an answer for so long, it waits for a connection
const HIDDEN_MS = 30_000;
const AGAIN_MS = [1000, 2000, 4000, 8000, 15_000, 30_000];

export class Stream {
  /** `on`: what to call with each event's data (`change`, `stats`, `message`, `tree`); with a word for the state
   * (`state`); and, where the stream was refused, to know whether to try again (`refused`, a promise of that).
   */
  constructor(on) {
    this.on = on;
    this.source = null;
    this.clock = '';
    this.tries = 0;
    this.wanted = false;
    document.addEventListener('visibilitychange', () => this.seen());
  }

  start() {
    this.wanted = true;
    this.open();
  }

  stop() {
    this.wanted = false;
    this.close();
  }

  seen() {
    clearTimeout(this.hiding);
    if (document.hidden) {
      this.hiding = setTimeout(() => {
        if (!this.source) return;
        this.close();
        this.on.state('asleep');
      }, HIDDEN_MS);
    } else if (this.wanted) {
      this.open();
    }
  }

  open() {
    if (this.source || (document.hidden && this.clock)) return;
    clearTimeout(this.again);
    this.on.state('connecting');
    const source = new EventSource(`events?${EVENTS}${this.clock ? `&since=${encodeURIComponent(this.clock)}` : ''}`);
    this.source = source;
    this.holding = setTimeout(() => this.on.state('held'), HELD_MS);
    source.onopen = () => {
      clearTimeout(this.holding);
      this.tries = 0;
      if (this.clock) this.on.state('live'); // else with the opening, which waits for the first scan
    };
    source.onerror = () => {
      clearTimeout(this.holding);
      if (source.readyState === EventSource.CLOSED) this.lost();
      else this.on.state('lost'); // the browser comes back by itself
    };
    source.onmessage = ({ data, lastEventId }) => {
      if (!this.clock) {
        this.on.state('live');
        this.on.tree(); // what was read before this opening may be older than it
      }
      this.clock = lastEventId || this.clock;
      this.on.message(data);
    };
    for (const name of ['change', 'stats', 'tree']) {
      source.addEventListener(name, ({ data }) => this.on[name](data));
    }
  }

  close() {
    clearTimeout(this.holding);
    clearTimeout(this.again);
    this.source?.close();
    this.source = null;
  }

  /** It was refused, or is none: a browser leaves that to us. */
  async lost() {
    this.close();
    this.on.state('lost');
    if (!(await this.on.refused()) || !this.wanted || this.source) return;
    this.again = setTimeout(() => this.open(), AGAIN_MS[Math.min(this.tries, AGAIN_MS.length - 1)]);
    this.tries += 1;
  }
}
