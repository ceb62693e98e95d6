/** Streams over connections that end, fall silent, or say what can't be: nothing is lost, told twice or left over. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventStream, type ServerEvent, SmartTreeError, StreamEndedError } from '@smart-tree/sse-client';
import { answers, holds, type Scene, scripted, sends } from './server.js';

const SOON = 'retry: 1\n\n';
const change = (path: string, id?: string): string => {
  const data = `event: change\ndata: {"type":"created","path":"${path}"}\n`;
  return id === undefined ? `${data}\n` : `${data}id: ${id}\n\n`;
};

interface Told {
  readonly events: ServerEvent[];
  readonly lost: string[];
  readonly ended: string;
}

/** All that a stream tells until it ends. */
async function all(stream: EventStream): Promise<Told> {
  const [events, lost]: [ServerEvent[], string[]] = [[], []];
  stream.onlost = (error) => lost.push(error.code);
  try {
    for await (const batch of stream) events.push(...batch.events);
    return { events, lost, ended: '' };
  } catch (error) {
    assert.ok(error instanceof StreamEndedError);
    return { events, lost, ended: error.code };
  }
}

const paths = ({ events }: Told): unknown[] => events.map((event) => [(event.data as { path: string }).path, event.id]);

test('a stream hands on a batch when its id has come, and comes back with it', async (t) => {
  const first = sends(SOON, change('/a'), change('/b', 'e-1'), change('/c'));
  const { url, requests } = await scripted(t, first, sends(change('/c'), change('/d', 'e-2')));
  const told = await all(new EventStream(url));
  assert.deepEqual(paths(told), [
    ['/a', 'e-1'],
    ['/b', 'e-1'],
    ['/c', 'e-2'],
    ['/d', 'e-2'],
  ]);
  assert.deepEqual([told.lost, told.ended], [['ended', 'ended'], 'http-204']);
  assert.deepEqual(
    requests.map(({ headers }) => headers['last-event-id']),
    [undefined, 'e-1', 'e-2'],
  );
});

test('a stream moves on by an id alone', async (t) => {
  const { url, requests } = await scripted(t, sends(SOON, 'id: e-7\n\n'));
  assert.deepEqual(paths(await all(new EventStream(url))), []);
  assert.equal(requests[1]?.headers['last-event-id'], 'e-7');
});

test('a stream asks as it is told, and keeps the token out of the address', async (t) => {
  const { url, requests } = await scripted(t);
  await all(
    new EventStream(`${url}/base/`, { path: '/ä b', include: ['*.a', '*.b'], since: 'e-0' }, { token: 'secret' }),
  );
  const query = new URLSearchParams({ path: '/ä b' });
  for (const glob of ['*.a', '*.b']) query.append('include', glob);
  query.append('since', 'e-0');
  assert.equal(requests[0]?.url, `/base/events?${query}`);
  assert.equal(requests[0]?.headers.authorization, 'Bearer secret');
  assert.equal(requests[0]?.headers.accept, 'text/event-stream');
});

const final: [string, Scene][] = [
  ['http-204', answers(204)],
  ['http-206', answers(206)],
  ['http-304', answers(304)],
  ['http-401', answers(401)],
  ['http-404', answers(404)],
  ['http-418', answers(418)],
  ['not-a-stream', answers(200, { 'Content-Type': 'text/html' }, '<p>')],
  ['protocol', sends('event: tree\ndata: {"protocol":2}\nid: e-1\n\n')],
  ['too-large', sends(`data: ${'x'.repeat(2000)}`)],
  ['too-large', sends(`data: "${'x'.repeat(500)}"\n\n`.repeat(5))],
];
for (const [code, scene] of final)
  test(`a stream ends for good by ${code}`, async (t) => {
    const { url, requests } = await scripted(t, scene);
    const told = await all(new EventStream(url, {}, { maxEventBytes: 1000, maxBatchBytes: 2000 }));
    assert.deepEqual([told.ended, told.lost, requests.length], [code, [], 1]);
  });

for (const status of [408, 425, 429, 500, 503])
  test(`a stream comes back after ${status}`, async (t) => {
    const { url } = await scripted(t, answers(status), sends(change('/a', 'e-1')));
    const told = await all(new EventStream(url, {}, { retryMaxMs: 1 }));
    assert.deepEqual([paths(told), told.lost], [[['/a', 'e-1']], [`http-${status}`, 'ended']]);
  });

test('a stream takes silence for a dead connection', async (t) => {
  const { url } = await scripted(t, holds(SOON), (_request, _response) => {}, sends(change('/a', 'e-1')));
  const told = await all(new EventStream(url, {}, { silenceMs: 50, retryMaxMs: 1 }));
  assert.deepEqual(told.lost, ['silent', 'silent', 'ended']);
});

test('a stream has an event that is no JSON sent again', async (t) => {
  const bad = sends(SOON, change('/a', 'e-1'), 'event: change\ndata: {\nid: e-2\n\n');
  const { url, requests } = await scripted(t, bad, sends(change('/b', 'e-2')));
  const told = await all(new EventStream(url));
  assert.deepEqual(paths(told), [
    ['/a', 'e-1'],
    ['/b', 'e-2'],
  ]);
  assert.equal(requests[1]?.headers['last-event-id'], 'e-1');
});

for (const [when, scene] of [
  ['while it connects', (): void => {}],
  ['while it reads', holds(': here\n\n')],
  ['while it waits', answers(503, { 'Retry-After': '1000' })],
] satisfies [string, Scene][])
  test(`a stream can be ended ${when}`, async (t) => {
    const { url } = await scripted(t, scene, scene);
    const stop = new AbortController();
    const stream = new EventStream(url, {}, { signal: stop.signal });
    const told = all(stream);
    await new Promise((resolve) => setTimeout(resolve, 50));
    stop.abort();
    assert.equal((await told).ended, '');
  });

test('a stream is ended by who leaves the loop', async (t) => {
  let closed: (() => void) | undefined;
  const gone = new Promise<void>((resolve) => {
    closed = resolve;
  });
  const { url } = await scripted(t, (request, response) => {
    response.on('close', () => closed?.());
    holds(change('/a', 'e-1'))(request, response);
  });
  for await (const batch of new EventStream(url)) {
    assert.equal(batch.clock, 'e-1');
    break;
  }
  await gone;
});

test('a stream refuses a token that no header can carry, and does not show it', () => {
  assert.throws(
    () => new EventStream('http://localhost', {}, { token: 'se\ncret' }),
    (error) => error instanceof SmartTreeError && !error.message.includes('cret'),
  );
});
