/** The same program in Node, Deno, Bun and a browser: each opens a mirror of a real server and sees a change. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { openPage } from './chromium.js';
import { CLIENT, tool } from './project.js';
import { RealServer } from './server.js';

const SMOKE = join(CLIENT, 'test', 'smoke.mjs');

/** A program that a package for this platform brings; it is named whole, as npm ran no scripts to link it. */
function platformTool(scope: string, ...names: string[]): string {
  const folder = join(CLIENT, 'node_modules', scope);
  const found = readdirSync(folder).find((name) => name.includes(process.arch)) ?? 'none';
  return join(folder, found, ...names);
}

const RUNTIMES: [name: string, program: () => string, flags: string[]][] = [
  ['Node', () => process.execPath, []],
  ['Deno', () => platformTool('@deno', 'deno'), ['run', '--quiet', '--cached-only', '--allow-net', '--allow-read']],
  ['Bun', () => platformTool('@oven', 'bin', 'bun'), ['run']],
];

for (const [name, program, flags] of RUNTIMES)
  test(`a mirror in ${name}, whose program ends by itself`, async (t) => {
    const runtime = tool(t, program());
    const server = runtime && (await RealServer.start(t));
    if (!server) return;
    const child = spawn(runtime, [...flags, SMOKE, server.url], { cwd: CLIENT, stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const exit = once(child, 'exit');
    await checkLines(server, async () => (await lines.next()).value);
    assert.deepEqual(await exit, [0, null]);
  });

test('a mirror in a browser', async (t) => {
  const server = await RealServer.start(t, '--cors', '*');
  if (!server) return;
  const text = `<!doctype html><script type="importmap">{"imports":{"zstddec":"/node_modules/zstddec/dist/zstddec.mjs"}}</script>
    <script type="module">
      import { smoke } from '/test/smoke.mjs';
      const say = (line) => fetch('/told', { method: 'POST', body: JSON.stringify(line) });
      smoke('${server.url}', say).catch((error) => say(String(error)));
    </script>`;
  const page = await openPage(t, (pathname) =>
    pathname === '/' ? { type: 'text/html', body: text } : script(pathname),
  );
  if (page) await checkLines(server, page.next);
});

async function checkLines(server: RealServer, next: () => Promise<string>): Promise<void> {
  const opened = JSON.parse(await next());
  assert.deepEqual([opened.count, opened.digest.length], [1, 32]);
  writeFileSync(join(server.top, 'new.txt'), 'hello');
  const told = JSON.parse(await next());
  assert.deepEqual([told.type, told.path], ['created', join(server.top, 'new.txt')]);
}

function script(pathname: string): { type: string; body: Uint8Array } | undefined {
  return /\.m?js$/.test(pathname) ? { type: 'text/javascript', body: readFileSync(join(CLIENT, pathname)) } : undefined;
}
