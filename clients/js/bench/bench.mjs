// `bench TREE.qtn TREE.json ROUNDS`: decodes a snapshot and JSON.parse's the same tree, in turn; one line of JSON.
import { readFileSync } from 'node:fs';
import { decodeSnapshot, load } from '@smart-tree/sse-client';

const WARM_UP = 4; // rounds until what is measured is compiled; the first one of a process takes about twice as long
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
for (let round = 0; round < WARM_UP; round++) [decodeSnapshot(document), JSON.parse(text)];
for (let round = 0; round < Number(rounds); round++) {
  told.qtn_s.push(timed(() => decodeSnapshot(document)).seconds);
  told.json_s.push(timed(() => JSON.parse(text)).seconds);
}
console.log(JSON.stringify(told));
