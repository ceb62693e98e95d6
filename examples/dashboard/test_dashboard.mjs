// The page in a browser, before a real server: it shows what is there, a change as it happens, and a name as it is.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openPage } from '../../clients/js/.test/chromium.js';
import { RealServer } from '../../clients/js/.test/server.js';
import { files } from './serve.mjs';

const NAME = '<img src=x onerror=alert(1)>&amp;';
/** Sends what the page shows whenever that has changed, and how many elements its list of changes has made of names. */
const SPY = `<script type="module">
  const tell = () => fetch('/told', { method: 'POST', body: JSON.stringify({
    state: document.getElementById('state').textContent,
    roots: document.getElementById('roots').innerText,
    changes: document.getElementById('changes').innerText,
    images: document.images.length,
  }) });
  new MutationObserver(tell).observe(document.body, { childList: true, subtree: true, characterData: true });
</script>`;

test('the dashboard shows a real change as it happens, and names as they are', async (t) => {
  const server = await RealServer.start(t, '--cors', '*', '--stats-interval', '1');
  if (!server) return;
  const spied = (pathname) => {
    const found = files(pathname);
    return pathname === '/' ? { ...found, body: `${found.body}${SPY}` } : found;
  };
  const page = await openPage(t, spied, `#server=${encodeURIComponent(server.url)}`);
  if (!page) return;
  const until = async (law) => {
    for (;;) {
      const shown = JSON.parse(await page.next());
      if (law(shown)) return shown;
    }
  };
  await until(({ state, roots }) => state.startsWith('live: 0 files') && roots.includes(server.top));
  writeFileSync(join(server.top, NAME), 'x'.repeat(2048));
  const shown = await until(({ changes }) => changes.includes(NAME));
  assert.match(shown.changes, /created/);
  assert.equal(shown.images, 0, 'a name became markup');
  await until(({ roots }) => /\t1\t0\t/.test(roots));
});
