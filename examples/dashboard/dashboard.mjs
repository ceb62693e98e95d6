// A page that shows a live tree: its figures, what is busy, and the last changes.
//
// Law: paths are text that someone else has chosen. They get into the page as text alone, never as markup.

import { SmartTreeSSE } from '@smart-tree/sse-client';

const LAST_CHANGES = 50;
const BYTES = new Intl.NumberFormat('en', { notation: 'compact', style: 'unit', unit: 'byte', unitDisplay: 'narrow' });
const ui = (id) => document.getElementById(id);

/** An element with these texts and elements in it. */
function element(name, ...children) {
  const made = document.createElement(name);
  made.append(...children.map((child) => (child instanceof Node ? child : String(child))));
  return made;
}

/** The latest figures of each root, by its path. */
const roots = new Map();

function showStats(told) {
  roots.set(told.path, told);
  const all = [...roots.values()];
  const cells = ({ path, files, dirs, size, changes, growth }) => [
    path,
    files,
    dirs,
    BYTES.format(size),
    changes,
    growth,
  ];
  ui('roots').replaceChildren(...all.map((root) => element('tr', ...cells(root).map((cell) => element('td', cell)))));
  ui('hot').replaceChildren(
    ...all.flatMap((root) => root.hot_files.map((path) => element('li', element('code', path)))),
  );
}

function showChange({ type, path, old_path: oldPath, timestamp }) {
  const time = element('time', new Date(timestamp).toLocaleTimeString());
  const from = oldPath === undefined ? [] : [' from ', element('code', oldPath)];
  const line = element('li', time, ` ${type} `, element('code', path), ...from);
  const list = ui('changes');
  list.prepend(line);
  while (list.children.length > LAST_CHANGES) list.lastChild.remove();
}

let tree;

async function connect(server, token) {
  await tree?.close();
  roots.clear();
  for (const id of ['roots', 'hot', 'changes']) ui(id).replaceChildren();
  const state = (text) => {
    ui('state').textContent = text;
  };
  state('connecting …');
  tree = new SmartTreeSSE(server, { ...(token ? { token } : {}), query: { events: 'change,stats,message' } });
  tree.on('message', ({ stats }) => state(`live: ${stats.files} files, ${BYTES.format(stats.size)}`));
  tree.on('stats', showStats);
  tree.on('change', showChange);
  tree.on('lost', (error) => state(`${error.message}; connecting again …`));
  tree.on('ended', (error) => state(`ended: ${error.message}`));
}

const form = ui('connect');
form.addEventListener('submit', (event) => {
  event.preventDefault();
  const { server, token } = Object.fromEntries(new FormData(form));
  connect(server, token);
});

// `#server=http://…` in the address connects at once. A token is never in an address.
const named = new URLSearchParams(location.hash.slice(1)).get('server');
if (named) {
  form.elements.server.value = named;
  connect(named, '');
}
