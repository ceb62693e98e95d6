/** Where the project's files are, and tools that may be missing: in CI that is an error, elsewhere the test is skipped. */

import { accessSync, constants, readdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

/** The folder of this client. The tests run from .test. */
export const CLIENT = fileURLToPath(new URL('..', import.meta.url));
/** The project. */
export const PROJECT = join(CLIENT, '..', '..');
const VECTORS = join(PROJECT, 'spec', 'vectors');

/** A file of the vectors. */
export function vector(folder: string, name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(VECTORS, folder, name)));
}

/** The names of the vectors of a folder that end so, without that end. */
export function vectors(folder: string, end: string): string[] {
  const names = readdirSync(join(VECTORS, folder)).filter((name) => name.endsWith(end));
  return names.map((name) => name.slice(0, -end.length));
}

/** A program; nothing, and the test is skipped, where it is missing. */
export function tool(test: TestContext, ...names: string[]): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const found = names.flatMap((name) => (name.includes('/') ? [name] : folders.map((folder) => join(folder, name))));
  const path = found.find(isExecutable);
  if (path) return path;
  if (process.env.CI) throw new Error(`${names[0]} is missing`);
  test.skip(`${names[0]} is missing`);
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** All that an iteration brings. */
export async function all<Value>(iterable: AsyncIterable<Value>): Promise<Value[]> {
  const values: Value[] = [];
  for await (const value of iterable) values.push(value);
  return values;
}
