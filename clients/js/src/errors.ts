/** What this library throws: one class for each cause that needs another answer, each with a `code` that stays the same. */

/** The base of all of them. */
export class SmartTreeError extends Error {
  override name = 'SmartTreeError';
  /** What went wrong, for programs. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A document breaks the format QTN1, or a batch does not fit the tree it is applied to. */
export class QtnError extends SmartTreeError {
  override name = 'QtnError';
  /** The byte of the document where reading stopped; of a batch that can't be applied, the index of its record. */
  readonly offset: number;

  constructor(code: string, offset: number) {
    super(code, `QTN1: ${code} at ${offset}`);
    this.offset = offset;
  }
}

/** A batch that does not follow the tree that is held: fetch the tree anew. */
export class OutOfStepError extends SmartTreeError {
  override name = 'OutOfStepError';

  constructor(code: 'gap' | 'epoch' | 'digest') {
    super(code, `the batch does not follow the tree that is held (${code}): fetch the tree anew`);
  }
}

/** The server answered a call with an error. */
export class ProblemError extends SmartTreeError {
  override name = 'ProblemError';
  /** The answer's HTTP status. */
  readonly status: number;
  /** What the server says about it. */
  readonly detail: string;

  constructor(status: number, code: string, detail: string) {
    super(code, `${status} ${code}${detail ? `: ${detail}` : ''}`);
    this.status = status;
    this.detail = detail;
  }
}

/** A call got no answer, or one that is none: `timeout`, `connection`, `cut-off`, `too-large`, `no-answer`, `protocol`. */
export class CallError extends SmartTreeError {
  override name = 'CallError';
}

/** A stream has ended for good: `http-STATUS`, `not-a-stream`, `protocol`, `too-large`. */
export class StreamEndedError extends SmartTreeError {
  override name = 'StreamEndedError';
}

/** The stream's connection has ended, and will be made again. */
export class ConnectionLostError extends SmartTreeError {
  override name = 'ConnectionLostError';
}
