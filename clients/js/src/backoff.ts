/**
 * How long to wait before a connection is made again.
 *
 * Law: a pure function of what happened and of a random number; longer with each attempt in a row that brought nothing.
 */

const FIRST_RETRY_MS = 1000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** What happened so far. */
export interface Attempts {
  /** The server's last `retry:`. */
  readonly retryMs: number | null;
  /** Attempts in a row that brought no byte of a stream, or no tree that was right. */
  readonly inVain: number;
  /** The longest wait. */
  readonly maxMs: number;
  /** Whole seconds that the server asks for instead. */
  readonly retryAfter: string | null;
}

/** The wait in milliseconds; `random` is in 0 to 1. */
export function backoffMs({ retryMs, inVain, maxMs, retryAfter }: Attempts, random: number): number {
  const wait = Math.min((retryMs ?? FIRST_RETRY_MS) * 2 ** inVain, maxMs) * (0.5 + random / 2);
  const asked = /^[0-9]+$/.test(retryAfter ?? '') ? Number(retryAfter) * 1000 : 0;
  return Math.min(Math.max(wait, asked), LONGEST_TIMER_MS);
}
