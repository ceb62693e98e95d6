// `bench TREE.qtn TREE.json ROUNDS`: decodes a snapshot and JSON.parse's the same tree, in turn; one line of JSON.
import { readFileSync } from 'node:fs';
import { decodeSnapshot, load } from '@smart-tree/sse-client';

const [qtnFile, jsonFile, rounds] = process.argv.slice(2);
const document = new Uint8Array(readFileSync(qtnFile));
const text = readFileSync(jsonFile, 'utf8');

function timed(work) {
  const started = performance.now();
  const result = work();
  return { result, seconds: (performance.now() - started) / 1000 };
}

await load();
const told = { entries: decodeSnapshot(document).count, qtn_s: [], json_s: [] };
JSON.parse(text); // both have run once before the first round
for (let round = 0; round < Number(rounds); round++) {
  told.qtn_s.push(timed(() => decodeSnapshot(document)).seconds);
  told.json_s.push(timed(() => JSON.parse(text)).seconds);
}
console.log(JSON.stringify(told));
