/** Mirrors of a real server: the same as what is on disk, through changes, restarts and new epochs. */

import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Mirror, type MirrorEvents, type TreeChange } from '@smart-tree/sse-client';
import { RealServer } from './server.js';

/** What is on disk, as a mirror would have it. */
function onDisk(top: string): Map<string, unknown> {
  const paths = [top, ...readdirSync(top, { recursive: true, encoding: 'utf8' }).map((path) => join(top, path))];
  const told = paths.map((path): [string, unknown] => {
    const stat = lstatSync(path, { bigint: true });
    return [path, [Number(stat.mode), stat.isDirectory() ? 0n : stat.size, stat.mtimeNs]];
  });
  return new Map(told.sort(([one], [other]) => (one < other ? -1 : 1)));
}

function held(mirror: Mirror): Map<string, unknown> {
  const told = [...mirror].map(([path, { mode, size, mtimeNs }]): [string, unknown] => [path, [mode, size, mtimeNs]]);
  return new Map(told.sort(([one], [other]) => (one < other ? -1 : 1)));
}

/** Waits until the mirror is of this clock. */
async function reached(mirror: Mirror, clock: string): Promise<void> {
  if (mirror.clock === clock) return;
  await new Promise<void>((resolve) => {
    const off = mirror.on('applied', (told) => {
      if (told.clock !== clock) return;
      off();
      resolve();
    });
  });
}

/** Makes, changes, moves and removes, by a number. */
function churn(top: string, number: number): void {
  const at = (...names: string[]): string => join(top, ...names);
  mkdirSync(at(`d${number}`, 'deep', 'er'), { recursive: true });
  for (let i = 0; i < 30; i++) writeFileSync(at(`d${number}`, 'deep', `f${i}.rs`), 'x'.repeat(i * number));
  writeFileSync(at('always'), String(number));
  if (number > 1) {
    renameSync(at(`d${number - 1}`, 'deep'), at(`d${number}`, 'deep', 'er', 'moved'));
    rmSync(at(`d${number - 1}`), { recursive: true });
  }
}

test('a mirror is what is on disk, and comes back by batches from a server that was killed', async (t) => {
  const server = await RealServer.start(t);
  if (!server) return;
  churn(server.top, 1);
  await server.sync();
  const rebased: MirrorEvents['rebased'][] = [];
  const mirror = await Mirror.open(server.url, {}, { retryMaxMs: 50 });
  mirror.on('rebased', (told) => rebased.push(told));
  for (let round = 2; round < 6; round++) {
    churn(server.top, round);
    if (round % 2) await server.stop('SIGKILL');
    if (round % 2) await server.begin();
    await reached(mirror, await server.sync());
    assert.deepEqual(held(mirror), onDisk(server.top));
    assert.equal(mirror.count, onDisk(server.top).size);
  }
  assert.deepEqual(rebased, []);
  await mirror.close();
});

test('a mirror fetches only the groups it lacks when the server begins a new epoch, and tells the difference', async (t) => {
  const server = await RealServer.start(t, '--no-state');
  if (!server) return;
  mkdirSync(join(server.top, 'd'));
  for (let i = 0; i < 2000; i++) writeFileSync(join(server.top, 'd', `file-${i}`), '');
  await server.sync();
  const mirror = await Mirror.open(server.url, {}, { retryMaxMs: 50 });
  const rebased = new Promise<MirrorEvents['rebased']>((resolve) => void mirror.on('rebased', resolve));
  const told: string[] = [];
  mirror.subscribe('**', (changes) => {
    for (const { type, path } of changes) told.push(`${type} ${path.slice(server.top.length)}`);
  });
  await server.stop();
  writeFileSync(join(server.top, 'd', 'file-7'), 'x');
  await server.begin();
  const { reason, fetched } = await rebased;
  await reached(mirror, await server.sync());
  assert.equal(reason, 'server');
  assert.ok(fetched > 0 && fetched < 3, `${fetched} of three groups were fetched`);
  assert.deepEqual(told.sort(), ['modified /d/file-7']);
  assert.deepEqual(held(mirror), onDisk(server.top));
  await mirror.close();
});

test('a mirror answers for paths and directories, and tells changes by globs, to listeners and iterations', async (t) => {
  const server = await RealServer.start(t);
  if (!server) return;
  churn(server.top, 1);
  await server.sync();
  await using mirror = await Mirror.open(server.url);
  const names = mirror.children(join(server.top, 'd1', 'deep')).map(({ name }) => name);
  assert.deepEqual(names, readdirSync(join(server.top, 'd1', 'deep')).sort());
  const entry = mirror.get(join(server.top, 'd1', 'deep', 'f3.rs'));
  assert.ok(entry);
  assert.deepEqual([entry.kind, entry.size, mirror.path(entry)], ['file', 3n, join(server.top, 'd1', 'deep', 'f3.rs')]);
  assert.equal(mirror.get(join(server.top, 'nothing')), undefined);
  assert.deepEqual(
    mirror.roots.map(({ name }) => name),
    [server.top],
  );

  const first = nextChange(mirror, '/d1/**/*.rs');
  writeFileSync(join(server.top, 'not-this.rs'), '');
  writeFileSync(join(server.top, 'd1', 'deep', 'f3.rs'), 'longer');
  const { type, path } = await first;
  assert.deepEqual([type, path], ['modified', join(server.top, 'd1', 'deep', 'f3.rs')]);

  const second = nextChange(mirror, 'f4.rs');
  renameSync(join(server.top, 'd1'), join(server.top, 'e1'));
  const moved = await second;
  assert.deepEqual(
    [moved.type, moved.path, moved.oldPath],
    ['renamed', join(server.top, 'e1', 'deep', 'f4.rs'), join(server.top, 'd1', 'deep', 'f4.rs')],
  );
});

test('a mirror holds a part of the tree alone, which is checked by digest as well', async (t) => {
  const server = await RealServer.start(t);
  if (!server) return;
  churn(server.top, 1);
  await server.sync();
  const deep = join(server.top, 'd1', 'deep');
  const mirror = await Mirror.open(server.url, { path: deep });
  writeFileSync(join(server.top, 'elsewhere'), '');
  writeFileSync(join(deep, 'here'), '');
  await reached(mirror, await server.sync());
  assert.deepEqual(held(mirror), onDisk(deep));
  await mirror.close();
});

test('a mirror does not open when its signal says so, and rejects where there is nothing to mirror', async (t) => {
  const server = await RealServer.start(t, '--auth-token', 'right-token-of-the-test');
  if (!server) return;
  await assert.rejects(Mirror.open(server.url), { code: 'http-401' });
  await assert.rejects(Mirror.open('http://127.0.0.1:1', {}, { signal: AbortSignal.timeout(50) }), {
    name: 'TimeoutError',
  });
  const mirror = await Mirror.open(server.url, {}, { token: 'right-token-of-the-test' });
  await mirror.close();
});

async function nextChange(mirror: Mirror, glob: string): Promise<TreeChange> {
  for await (const change of mirror.changes(glob)) return change;
  throw new Error('the mirror has ended');
}
