/**
 * Live mirrors and streams of a Smart Tree server.
 *
 * Start with `Mirror.open` for the tree itself, and with `SmartTreeSSE` for its events and calls. Both come back by
 * themselves after a lost connection, and miss nothing.
 *
 * @packageDocumentation
 */

export {
  Api,
  type Changes,
  type ChangesQuery,
  type Clock,
  type Root,
  type Roots,
  type SearchMessage,
  type SearchQuery,
  type Stats,
  type Ticket,
  type TreeQuery,
  type WatchAnswer,
} from './api.js';
export { applyBatch, applyDelta } from './apply.js';
export { type Batch, type Delta, decodeBatch, decodeDelta } from './batch.js';
export { type ClientEvents, decompress, SmartTreeSSE } from './client.js';
export { type ChangeType, TreeChange } from './difference.js';
export { type Document, decodeDocument } from './document.js';
export { Entry, type Kind } from './entry.js';
export * from './errors.js';
export type {
  ChangeEvent,
  EventBatch,
  EventData,
  EventName,
  MessageEventData,
  ServerEvent,
  StatsEvent,
  TreeEvent,
  TreeStats,
} from './events.js';
export { Glob } from './glob.js';
export type { Header, Top } from './header.js';
export { load } from './kernel.js';
export {
  assemble,
  decodeManifest,
  type GroupAddress,
  type Manifest,
  type ManifestChunk,
  snapshotGroups,
} from './manifest.js';
export { type ChangeListener, Mirror, type MirrorEvents, type MirrorQuery, type Reason } from './mirror.js';
export type { ClientOptions, StreamQuery } from './options.js';
export type { Records } from './records.js';
export { type DecodeOptions, decodeSnapshot, Snapshot } from './snapshot.js';
export { type Frame, SseParser, type StreamBatch } from './sse.js';
export { EventStream, ResumingStream } from './stream.js';
export { fromText } from './text.js';
export { type Location, Tree } from './tree.js';
