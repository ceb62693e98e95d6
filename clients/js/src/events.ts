/** What the server tells in a stream (HTTP.md, section 1). Fields that are not here may be there: they are kept. */

import { ConnectionLostError, StreamEndedError } from './errors.js';
import type { StreamEvent } from './sse.js';
import { PROTOCOL_VERSION } from './wire.js';

/** Counts of what is below a root. */
export interface TreeStats {
  readonly files: number;
  readonly dirs: number;
  readonly size: number;
}

/** The tree of one root. */
export interface TreeEvent {
  readonly path: string;
  readonly mode: string;
  readonly compressed?: string;
  readonly manifest?: string;
  readonly tree?: unknown;
  readonly text?: string;
  readonly depth?: number;
  readonly stats: TreeStats;
  readonly clock: string;
  readonly digest: string | null;
  readonly reason: 'initial' | 'rebase';
  readonly filtered: boolean;
  readonly protocol: number;
  readonly version: string;
}

/** One change. */
export interface ChangeEvent {
  readonly type: 'created' | 'modified' | 'deleted' | 'renamed';
  readonly path: string;
  readonly path_b64?: string;
  readonly old_path?: string;
  readonly old_path_b64?: string;
  readonly kind: 'file' | 'dir' | 'symlink' | 'other';
  readonly size: number;
  readonly timestamp: string;
  readonly delta: string;
  readonly content?: 'same' | 'changed';
}

/** What has been going on below a root. */
export interface StatsEvent extends TreeStats {
  readonly path: string;
  readonly interval: string;
  readonly changes: number;
  readonly growth: string;
  readonly growth_bytes: number;
  readonly hot_files: readonly string[];
}

/** Stands at the end of each batch. */
export interface MessageEventData {
  readonly clock: string;
  readonly changes: number;
  readonly stats: TreeStats;
  readonly digest: string | null;
  readonly more: boolean;
  readonly vcs?: { readonly root: string; readonly from: string | null; readonly to: string | null };
  readonly root?: { readonly path: string; readonly state: string };
}

/** The data of each event by its name; that of `quantum` is a text form, the others' were JSON. */
export interface EventData {
  tree: TreeEvent;
  change: ChangeEvent;
  stats: StatsEvent;
  quantum: string;
  message: MessageEventData;
}

/** The name of an event. */
export type EventName = keyof EventData;

/** An event with its name, its data and the clock of its batch. */
export type ServerEvent = { [Name in EventName]: { event: Name; data: EventData[Name]; id: string } }[EventName];

/** All that came between two clocks. */
export interface EventBatch {
  readonly clock: string;
  readonly events: readonly ServerEvent[];
}

const JSON_EVENTS: ReadonlySet<string> = new Set(['tree', 'change', 'stats', 'message']);

/** An event with its data. What only a later server tells is handed on as JSON, or else as it came. */
export function parseEvent({ event, data, id }: StreamEvent): ServerEvent {
  if (event === 'tree') return { event, data: parseTree(data), id };
  if (event === 'quantum') return { event, data, id };
  const value = fromJson(data);
  if (value === undefined && JSON_EVENTS.has(event)) throw new ConnectionLostError('no-json', `no JSON in a ${event}`);
  return { event, data: value ?? data, id } as ServerEvent;
}

/** The data of a `tree`. A server that speaks a later protocol is refused, for good. */
export function parseTree(data: string): TreeEvent {
  const value = fromJson(data);
  if (typeof value !== 'object' || value === null) throw new ConnectionLostError('no-json', 'no JSON in a tree');
  const { protocol } = value as { protocol?: unknown };
  if (typeof protocol === 'number' && protocol > PROTOCOL_VERSION)
    throw new StreamEndedError(
      'protocol',
      `the server speaks protocol ${protocol}: this client knows ${PROTOCOL_VERSION}`,
    );
  return value as TreeEvent;
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
