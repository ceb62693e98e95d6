/** Globs, waits, and the numbers of the wire, each against the one place that says them. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { Glob } from '@smart-tree/sse-client';
import { backoffMs } from '../dist/backoff.js';
import { load, xxh64 } from '../dist/kernel.js';
import * as wire from '../dist/wire.js';
import { PROJECT } from './project.js';

const latin1 = (bytes: Buffer): string => bytes.toString('latin1');

test('globs match as globs.json says', () => {
  const told = JSON.parse(readFileSync(join(PROJECT, 'clients', 'contract', 'globs.json'), 'utf8'));
  for (const [glob, path, matches] of told.cases)
    assert.equal(new Glob(glob).matches(latin1(Buffer.from(path))), matches, `${glob} ${path}`);
  for (const [glob, path, matches] of told.bytes)
    assert.equal(new Glob(glob).matches(latin1(Buffer.from(path, 'hex'))), matches, `${glob} ${path}`);
});

test('the numbers of the wire are those of spec/wire.toml', () => {
  const told = readFileSync(join(PROJECT, 'spec', 'wire.toml'), 'utf8');
  const [magics, numbers] = [/^(magic_\w+) = \[1, 2, (\d+)\]/gm, /^(\w+) = ([\d_]+)/gm].map((line) =>
    told.matchAll(line),
  );
  const known = new Map(
    [...(magics ?? []), ...(numbers ?? [])].map(([, name, value]) => [name, value?.replaceAll('_', '')]),
  );
  const ours = Object.entries(wire).filter(([name, value]) => typeof value === 'number' && name !== 'SERVICE');
  assert.ok(ours.length > 20);
  for (const [name, value] of ours) assert.equal(known.get(name.toLowerCase()), String(value), name);
});

test('XXH64 is as published, whatever the length', async () => {
  await load();
  const known: [string, bigint, bigint][] = [
    ['', 0n, 0xef46db3751d8e999n],
    ['a', 0n, 0xd24ec4f1a98c6e5bn],
    ['abc', 0n, 0x44bc2cf5ad770999n],
    ['Nobody inspects the spammish repetition', 0n, 0xfbcea83c8a378bf1n],
  ];
  for (const [text, seed, hash] of known) assert.equal(xxh64(new TextEncoder().encode(text), seed), hash, text);
});

suite('the wait before it connects again', () => {
  const attempts = { retryMs: 2000, inVain: 0, maxMs: 30_000, retryAfter: null };

  test('is a half to the whole of what the server says, twice that for each attempt in vain, and no more than the bound', () => {
    assert.equal(backoffMs(attempts, 0), 1000);
    assert.equal(backoffMs(attempts, 1), 2000);
    assert.equal(backoffMs({ ...attempts, retryMs: null }, 1), 1000);
    assert.equal(backoffMs({ ...attempts, inVain: 3 }, 1), 16_000);
    assert.equal(backoffMs({ ...attempts, inVain: 5000 }, 1), 30_000);
  });

  test('is what the server asks for where that is longer', () => {
    assert.equal(backoffMs({ ...attempts, retryAfter: '60' }, 0), 60_000);
    assert.equal(backoffMs({ ...attempts, retryAfter: '1' }, 1), 2000);
    assert.equal(backoffMs({ ...attempts, retryAfter: 'Wed, 21 Oct 2015 07:28:00 GMT' }, 1), 2000);
    assert.ok(backoffMs({ ...attempts, retryAfter: '9'.repeat(30) }, 1) < 2 ** 31);
  });
});
