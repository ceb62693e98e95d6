/**
 * Hands values from one task to another, one at a time.
 *
 * Law: nothing is queued; `give` resolves when the value was taken and dealt with, or when nobody takes any more.
 */

/** A place where one value waits at a time. */
export class Handoff<Value> implements AsyncIterable<Value> {
  private isClosed = false;
  private waiting: { readonly value: Value; readonly done: () => void } | undefined;
  private wake = (): void => {};

  /** Gives a value to whoever iterates. */
  async give(value: Value): Promise<void> {
    if (this.isClosed) return;
    await new Promise<void>((done) => {
      this.waiting = { value, done };
      this.wake();
    });
  }

  /** Ends the iteration; a value that was not taken is dropped. */
  close(): void {
    this.isClosed = true;
    this.waiting?.done();
    this.wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Value, void, void> {
    while (!this.isClosed) {
      const { waiting } = this;
      if (waiting) {
        yield waiting.value;
        this.waiting = undefined;
        waiting.done();
      } else
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
    }
  }
}
