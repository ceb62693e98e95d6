/** Waits that can be ended. Law: none of them outlives what it was made for. */

/** Resolves after so long, or at once when the signal is aborted. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
}

/** A bound for single waits: none may take longer. */
export class Deadline {
  /** Whether one did. */
  passed = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly ms: number,
    private readonly expire: () => void,
  ) {}

  /** What the wait brings; `expire` is called when it takes too long, and should end it. */
  async over<Value>(wait: Promise<Value>): Promise<Value> {
    this.timer = setTimeout(() => {
      this.passed = true;
      this.expire();
    }, this.ms);
    try {
      return await wait;
    } finally {
      this.clear();
    }
  }

  clear(): void {
    clearTimeout(this.timer);
  }
}
