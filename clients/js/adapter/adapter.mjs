// The library by the contract's protocol (clients/contract/README.md): a JSON object a line, in and out. No logic of its own.
import { readFileSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import * as client from '@smart-tree/sse-client';
import { nodeFetch } from '@smart-tree/sse-client/node';
import { saysDocument, saysTree } from './says.mjs';

const say = (line) => {
  let left = Buffer.from(`${JSON.stringify(line)}\n`);
  while (left.length > 0) left = left.subarray(written(left));
};

/** A pipe that is full takes nothing for a while. */
function written(bytes) {
  try {
    return writeSync(1, bytes);
  } catch (error) {
    if (error.code === 'EAGAIN') return 0;
    throw error;
  }
}

const bytes = (base64) => new Uint8Array(Buffer.from(base64, 'base64'));
const base64 = (data) => Buffer.from(data).toString('base64');
const byteString = (hex) => Buffer.from(hex, 'hex').toString('latin1');

const OPTIONS = {
  token: (token) => ({ token }),
  ca_file: (file) => ({ fetch: nodeFetch({ ca: readFileSync(file) }) }),
  silence_s: (s) => ({ silenceMs: s * 1000 }),
  request_timeout_s: (s) => ({ requestTimeoutMs: s * 1000 }),
  retry_max_s: (s) => ({ retryMaxMs: s * 1000 }),
  max_event_bytes: (maxEventBytes) => ({ maxEventBytes }),
  max_batch_bytes: (maxBatchBytes) => ({ maxBatchBytes }),
};
const options = (told = {}) => Object.assign({}, ...Object.entries(told).map(([name, value]) => OPTIONS[name](value)));

function apply({ before, change }) {
  const tree = new client.Tree([client.decodeSnapshot(bytes(before))]);
  const told = client.decodeDocument(bytes(change));
  if (told.kind === 'batch') client.applyBatch(tree, told);
  else client.applyDelta(tree, told);
  return saysTree(tree);
}

function parse({ pieces }) {
  const parser = new client.SseParser();
  const frames = pieces.flatMap((piece) => parser.feed(bytes(piece)));
  const events = frames
    .filter(({ data }) => data !== null)
    .map(({ event, data, lastId }) => ({ event, data, id: lastId }));
  return { events, id: parser.lastId, retry: parser.retryMs };
}

async function call({ url, call: name, arguments: given = {}, options: told }) {
  const api = new client.Api(url, options(told));
  const CALLS = {
    tree: () => api.tree(given),
    changes: () => api.changes(given),
    stats: () => api.stats(given),
    clock: () => api.clock(given),
    ticket: () => api.ticket(),
    'watch-list': () => api.roots(),
    'watch-add': () => api.watch(given.path),
    'watch-remove': () => api.unwatch(given.path),
    search: () => collected(api.search(given)),
  };
  try {
    return { answer: await CALLS[name]() };
  } catch (error) {
    if (error instanceof client.ProblemError) return { problem: { status: error.status, code: error.code } };
    return { failed: error.message };
  }
}

async function collected(iterable) {
  const all = [];
  for await (const one of iterable) all.push(one);
  return all;
}

const ended = (error) => {
  if (!(error instanceof client.StreamEndedError)) throw error;
  say({ ended: error.code });
};

function stream({ url, query, options: told }) {
  const events = new client.EventStream(url, query, options(told));
  events.onlost = (error) => say({ lost: error.message });
  const running = (async () => {
    for await (const batch of events) for (const { event, data, id } of batch.events) say({ event, data, id });
  })().catch(ended);
  return {
    stop: async () => {
      events.close();
      await running;
    },
  };
}

function mirror({ url, query, globs = [], options: told }) {
  const held = new client.Mirror(url, query, options(told));
  held.on('rebased', ({ reason, clock, fetched }) => say({ rebased: reason, clock, fetched }));
  held.on('applied', ({ clock }) => say({ applied: clock, digest: held.digest, entries: held.count }));
  held.on('lost', ({ error }) => say({ lost: error.message }));
  if (globs.length > 0) held.subscribe(globs, (changes) => changes.forEach(tellChange));
  held.closed.catch(ended);
  return { stop: () => held.close(), list: () => listing(held) };
}

function tellChange({ type, pathBytes, oldPathBytes }) {
  const old = oldPathBytes ? { old_path: Buffer.from(oldPathBytes).toString('hex') } : {};
  say({ told: { type, path: Buffer.from(pathBytes).toString('hex'), ...old } });
}

function listing({ tree }) {
  const entries = [...tree.walk()].sort(([one], [other]) => (one < other ? -1 : 1));
  const hex = (path) => Buffer.from(path, 'latin1').toString('hex');
  return { entries: entries.map(([path, e]) => [hex(path), e.mode, String(e.size), String(e.mtimeNs)]) };
}

let session;
const begin = (begun) => {
  session = begun;
};

const ANSWERS = {
  decode: ({ document }) => ({ says: saysDocument(client.decodeDocument(bytes(document))) }),
  text: ({ text }) => ({ document: base64(client.fromText(text)) }),
  apply: (request) => ({ says: apply(request) }),
  assemble: ({ manifest, groups }) => ({
    document: base64(client.assemble(client.decodeManifest(bytes(manifest)), groups.map(bytes))),
  }),
  parse,
  glob: ({ glob, path }) => ({ matches: new client.Glob(glob).matches(byteString(path)) }),
  call,
  stream: (request) => begin(stream(request)),
  mirror: (request) => begin(mirror(request)),
  list: () => session.list(),
  stop: async () => {
    await session.stop();
    return { stopped: true };
  },
};

await client.load();
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  try {
    const answer = await ANSWERS[request.do](request);
    if (answer) say(answer);
  } catch (error) {
    if (!(error instanceof client.QtnError)) throw error;
    say({ refused: error.code, offset: error.offset });
  }
}
await session?.stop();
