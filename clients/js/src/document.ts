/**
 * A document of any kind, by its first bytes.
 *
 * Law: what begins like none of them is refused as a snapshot would be.
 */

import { type Batch, type Delta, decodeBatch, decodeDelta } from './batch.js';
import { decodeManifest, type Manifest } from './manifest.js';
import { type DecodeOptions, decodeSnapshot, type Snapshot } from './snapshot.js';
import { MAGIC_BATCH, MAGIC_DELTA, MAGIC_MANIFEST } from './wire.js';

/** A decoded document; its `kind` says which. */
export type Document = Snapshot | Delta | Batch | Manifest;

/** What a document of any kind says. `load` must have ended before. Throws a QtnError for what is none. */
export function decodeDocument(document: Uint8Array, options: DecodeOptions = {}): Document {
  const magic = document[0] === 1 && document[1] === 2 ? document[2] : undefined;
  if (magic === MAGIC_DELTA) return decodeDelta(document, options);
  if (magic === MAGIC_BATCH) return decodeBatch(document, options);
  return magic === MAGIC_MANIFEST ? decodeManifest(document, options) : decodeSnapshot(document, options);
}
