/** Calls to a real server, and the client as its first page shows it. */

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { Api, type ChangeEvent, type Document, SmartTreeSSE } from '@smart-tree/sse-client';
import { all } from './project.js';
import { answers, RealServer, scripted } from './server.js';

suite('a client', () => {
  test('tells listeners of changes and batches, and decompresses them', async (t) => {
    const server = await RealServer.start(t);
    if (!server) return;
    const tree = new SmartTreeSSE(server.url);
    const opened = new Promise((resolve) => tree.on('message', resolve));
    const changed = new Promise<ChangeEvent>((resolve) => void tree.on('change', resolve));
    const batch = new Promise<Document>((resolve) => {
      tree.on('quantum', async (compressed) => resolve(await tree.decompress(compressed)));
    });
    await opened;
    writeFileSync(join(server.top, 'new'), 'x');
    const { type, path, delta } = await changed;
    assert.deepEqual([type, path], ['created', join(server.top, 'new')]);
    const told = await batch;
    assert.ok(told.kind === 'batch');
    assert.ok(told.records.names.includes('new'));
    assert.equal((await tree.decompress(delta)).kind, 'delta');
    await tree.close();
  });

  test('is an iteration over events', async (t) => {
    const server = await RealServer.start(t);
    if (!server) return;
    await using tree = new SmartTreeSSE(server.url);
    for await (const { event, data } of tree) {
      if (event !== 'tree') continue;
      assert.equal(data.path, server.top);
      assert.equal((await tree.decompress(data.compressed ?? '')).kind, 'snapshot');
      break;
    }
  });

  test('tells when it has ended for good', async (t) => {
    const { url } = await scripted(t, answers(401));
    const tree = new SmartTreeSSE(url);
    const error = await new Promise((resolve) => tree.on('ended', resolve));
    assert.equal((error as { code: string }).code, 'http-401');
  });

  test('makes a ticket and the address for an EventSource', async (t) => {
    const token = 'right-token-of-the-test';
    const server = await RealServer.start(t, '--auth-token', token);
    if (!server) return;
    const url = await new SmartTreeSSE(server.url, { token }).eventSourceUrl({ events: 'message' });
    assert.ok(!url.includes(token));
    const response = await fetch(url);
    assert.equal(response.status, 200);
    await response.body?.cancel();
  });
});

suite('calls', () => {
  test('are answered by a real server', async (t) => {
    const server = await RealServer.start(t);
    if (!server) return;
    const api = new Api(server.url);
    mkdirSync(join(server.top, 'src'));
    const since = await server.sync();
    writeFileSync(join(server.top, 'src', 'a.rs'), 'TODO\n');
    const { changes, clock } = await api.changes({ since, wait: 10, sync: true });
    assert.deepEqual(
      changes.map(({ type, path }) => [type, path]),
      [['created', join(server.top, 'src', 'a.rs')]],
    );
    assert.equal((await api.clock()).clock, clock);
    assert.equal((await api.tree({ path: '/src', mode: 'quantum' })).path, join(server.top, 'src'));
    assert.equal((await api.stats({ path: 'src' })).files, 1);
    assert.deepEqual(
      (await api.roots()).roots.map(({ path }) => path),
      [server.top],
    );
    const found = await all(api.search({ q: 'TODO' }));
    assert.deepEqual(
      found.map(({ type }) => type),
      ['begin', 'match', 'end', 'summary'],
    );
    await assert.rejects(api.tree({ path: '/nothing' }), { status: 404, code: 'no-such-path' });
    await assert.rejects(api.watch('/etc'), { status: 403, code: 'root-refused' });
  });

  test('fail by what is no answer', async (t) => {
    const { url } = await scripted(
      t,
      answers(200, {}, '{'),
      answers(200, {}, '{"protocol":2}'),
      answers(502, {}, '<p>'),
      () => {},
      answers(200, {}, '{"type":"begin","data":{}}\n'),
    );
    const api = new Api(url, { requestTimeoutMs: 100 });
    await assert.rejects(api.clock(), { code: 'no-answer' });
    await assert.rejects(api.clock(), { code: 'protocol' });
    await assert.rejects(api.clock(), { code: 'http-502', status: 502 });
    await assert.rejects(api.clock(), { code: 'timeout' });
    await assert.rejects(all(api.search({ q: 'x' })), { code: 'cut-off' });
    await assert.rejects(new Api('http://127.0.0.1:1').clock(), { code: 'connection' });
  });
});
