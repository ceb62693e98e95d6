// The page: who is asked what, and what becomes of it.

import { Problem, onHeld } from './api.js';
import { find, onFrame, setText, shown } from './dom.js';
import { Feed } from './feed.js';
import { Figures } from './figures.js';
import { count } from './format.js';
import { Pulse } from './pulse.js';
import { Search } from './search.js';
import { Session } from './session.js';
import { Stream } from './stream.js';
import { Tree } from './tree.js';

const STATES = {
  connecting: 'Connecting…',
  live: 'Live',
  lost: 'Cut off; trying again…',
  asleep: 'At rest',
  held: 'Held back: too many tabs',
  out: 'Logged out',
};
const NOTES = {
  held: 'A browser opens six connections to a server, and others of its tabs seem to hold them all: close some of those, '
    + 'or put a proxy in front that speaks HTTP/2.',
};
const AGAIN_MS = 3000;

function say(state) {
  find('state').dataset.state = state;
  setText(find('state'), STATES[state]);
  note(NOTES[state] ?? '');
}

function note(text) {
  setText(find('note'), text);
  find('note').hidden = !text;
}

function show(id) {
  for (const each of ['login', 'board', 'below']) find(each).hidden = (each === 'login') !== (id === 'login');
}

/** Nobody reads here any more: what was read does not stay either, so the page begins anew. */
function ended(why) {
  stream.stop();
  figures.stop();
  if (!find('board').hidden) {
    history.replaceState({ why }, '');
    location.reload();
    return;
  }
  say('out');
  setText(find('login-error'), history.state?.why ?? why);
  history.replaceState(null, '');
  show('login');
  find('token').focus();
}

/** Whatever was asked: is the reader still one? */
function problem(error) {
  if (error.status === 401) ended('The session is over. Log in again.');
  else if (error.code === 'not-ready' && error.progress) note(`The first scan is under way: ${count(error.progress.entries)} entries so far.`);
  else if (error.status) note(error.message);
  else say('lost');
}

const pulse = new Pulse();
const tree = new Tree({ problem });
const feed = new Feed((changes, some) => tree.changed(changes, some));
new Search(feed, { problem });

const figures = new Figures(feed, pulse, {
  problem,
  ready: ({ roots }, first) => {
    if (first) note('');
    feed.roots = roots.filter((root) => !root.path_b64).map((root) => root.path);
    tree.setRoots(roots);
    document.title = `${roots.map((root) => shown(root.path.slice(root.path.lastIndexOf('/') + 1))).slice(0, 3).join(', ')} · smarttree`;
  },
});

const stream = new Stream({
  state: say,
  change: (data) => feed.take(data),
  stats: () => {}, // each batch has the totals, and the rest is asked for
  tree: () => tree.anew(), // a rebase: nothing that was held counts
  message: (data) => {
    const message = JSON.parse(data);
    pulse.add(message.changes);
    figures.count(message);
    feed.flush();
  },
  refused: async () => {
    try {
      await session.look();
      return true;
    } catch (error) {
      if (!(error instanceof Problem)) return true;
      problem(error);
      return error.status !== 401;
    }
  },
});

const session = new Session({
  problem,
  ended,
  known: () => {
    show('board');
    say('connecting');
    figures.start();
    stream.start();
  },
});

async function begin() {
  try {
    await session.on.known(await session.look());
  } catch (error) {
    if (error.status === 401) ended('');
    else {
      problem(error);
      setTimeout(begin, AGAIN_MS);
    }
  }
}

onHeld((isHeld) => note(isHeld ? NOTES.held : ''));
onFrame(() => pulse.draw());
begin();
