/** Every document of spec/vectors: what it says, what it refuses, and what a batch makes of a tree. */

import assert from 'node:assert/strict';
import { before, suite, test } from 'node:test';
import {
  applyBatch,
  applyDelta,
  assemble,
  type Document,
  decodeBatch,
  decodeDelta,
  decodeDocument,
  decodeManifest,
  decodeSnapshot,
  fromText,
  load,
  QtnError,
  type Snapshot,
  snapshotGroups,
  Tree,
} from '@smart-tree/sse-client';
import { vector, vectors } from './project.js';

const text = (folder: string, name: string): string => Buffer.from(vector(folder, name)).toString();
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** A tree as its after-vector has it: all that is told of each entry, and the digests. */
function state(tree: Tree): unknown {
  const entries = [...tree.walk()].map(([path, entry]) => [path, { ...entry }]);
  return { entries, digest: tree.digest, count: tree.count };
}

function rows(snapshot: Snapshot): unknown[] {
  const told = Array.from(snapshot, ({ id, parent, nameBytes, mode, size, mtimeNs }) => {
    return [id, parent, hex(nameBytes), mode, String(size), String(mtimeNs)];
  });
  return told;
}

const DECODERS: Record<string, (document: Uint8Array) => Document> = {
  snapshot: decodeSnapshot,
  manifest: decodeManifest,
  batch: decodeBatch,
  delta: decodeDelta,
};

suite('vectors', () => {
  before(load);

  for (const name of vectors('snapshot', '.qtn'))
    test(`snapshot ${name}`, () => {
      const told = JSON.parse(text('snapshot', `${name.replace(/\.raw$/, '')}.json`));
      const snapshot = decodeSnapshot(vector('snapshot', `${name}.qtn`));
      assert.deepEqual(rows(snapshot), told.entries);
      assert.equal(snapshot.digest, BigInt(`0x${told.digest}`));
      assert.equal(snapshot.clock, `${told.epoch}-${told.seq}`);
      assert.equal(hex(snapshot.top.path), told.top.path);
    });

  for (const name of vectors('manifest', '.qtn'))
    test(`manifest ${name} and its groups are the snapshot`, () => {
      const document = vector('snapshot', `${name}.qtn`);
      const manifest = decodeManifest(vector('manifest', `${name}.qtn`));
      assert.deepEqual(assemble(manifest, snapshotGroups(document)), document);
    });

  for (const kind of ['batch', 'delta'])
    for (const name of vectors(kind, `.${kind}.qtn`))
      test(`${kind} ${name} leads from before to after, and changes nothing when it comes again`, () => {
        const tree = new Tree([decodeSnapshot(vector(kind, `${name}.before.qtn`))]);
        const after = new Tree([decodeSnapshot(vector(kind, `${name}.after.qtn`))]);
        const told = decodeDocument(vector(kind, `${name}.${kind}.qtn`));
        for (let times = 0; times < 2; times++) {
          if (told.kind === 'batch') assert.equal(applyBatch(tree, told), times === 0);
          else if (told.kind === 'delta') applyDelta(tree, told);
          assert.deepEqual(state(tree), state(after));
        }
      });

  for (const name of vectors('text', '.txt'))
    test(`text ${name}`, () => assert.deepEqual(fromText(text('text', `${name}.txt`)), vector('text', `${name}.qtn`)));
});

suite('what is wrong is refused with its code', () => {
  before(load);

  for (const name of vectors('invalid', '.txt'))
    test(name, () => {
      const refused = (error: unknown): boolean => error instanceof QtnError && error.code === name.split('--')[0];
      assert.throws(() => fromText(text('invalid', `${name}.txt`)), refused);
    });

  const wrong = vectors('invalid', '.qtn');
  const isSecond = (name: string): boolean => wrong.includes(`${name.slice(0, name.lastIndexOf('.'))}.before`);
  for (const name of wrong.filter((name) => !/\.before$|^address/.test(name) && !isSecond(name)))
    test(name, () => {
      const document = vector('invalid', `${name}.qtn`);
      const decode = DECODERS[name.slice(name.lastIndexOf('.') + 1)] as (document: Uint8Array) => unknown;
      const isRight = (error: unknown): boolean => error instanceof QtnError && error.code === name.split('--')[0];
      assert.throws(() => decode(document), isRight);
    });

  for (const name of vectors('invalid', '.before.qtn'))
    test(`${name}, and the tree is as it was`, () => {
      const tree = new Tree([decodeSnapshot(vector('invalid', `${name}.before.qtn`))]);
      const was = state(tree);
      const batch = decodeBatch(vector('invalid', `${name}.batch.qtn`));
      assert.throws(
        () => applyBatch(tree, batch),
        (error) => error instanceof QtnError && error.code === name.split('--')[0],
      );
      assert.deepEqual(state(tree), was);
    });

  for (const name of vectors('invalid', '.manifest.qtn').filter((name) => name.startsWith('address')))
    test(`${name}, whose groups are others`, () => {
      const manifest = decodeManifest(vector('invalid', `${name}.manifest.qtn`));
      const groups = snapshotGroups(vector('invalid', `${name}.snapshot.qtn`));
      assert.throws(
        () => assemble(manifest, groups),
        (error) => error instanceof QtnError && error.code === 'address',
      );
    });
});

suite('bounds', () => {
  before(load);

  test('a document of more entries than the caller wants is refused before it is read', () => {
    const refused = (error: unknown): boolean => error instanceof QtnError && error.code === 'too-many-entries';
    const document = vector('snapshot', 'wide.qtn');
    const { count } = decodeSnapshot(document);
    assert.throws(() => decodeSnapshot(document, { maxEntries: count - 1 }), refused);
    assert.equal(decodeSnapshot(document, { maxEntries: count }).count, count);
  });
});
