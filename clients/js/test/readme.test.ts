/** Every example of the README runs against a real server, and ends. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CLIENT } from './project.js';
import { RealServer } from './server.js';

const PAGE = readFileSync(join(CLIENT, 'README.md'), 'utf8');
const CODE = [...PAGE.matchAll(/^```js\n(.*?)^```/gms)].map(([, code]) => code as string);
const EXAMPLES = CODE.filter((code) => !code.includes('nodeFetch')); // clients/contract tries certificates

test('the README shows mirrors, events and calls', () => assert.equal(EXAMPLES.length, 4));

for (const [index, code] of EXAMPLES.entries())
  test(`example ${index + 1} of the README`, async (t) => {
    const server = await RealServer.start(t);
    if (!server) return;
    const folder = mkdtempSync(join(CLIENT, '.test', 'readme-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const program = join(folder, 'example.mjs');
    mkdirSync(join(server.top, 'src'));
    writeFileSync(program, code.replaceAll('http://localhost:8973', server.url).replaceAll('/project', server.top));
    const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
    child.stdout.on('data', () => {});
    const change = setInterval(() => writeFileSync(join(server.top, 'src', `${Date.now()}.rs`), 'x'), 50);
    t.after(() => clearInterval(change));
    assert.deepEqual(await once(child, 'exit'), [0, null]);
  });
