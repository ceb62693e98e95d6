// What is asked of the server: relative to the page, so that it may live behind a prefix.

/** An answer that is no success: `status`, and the problem document's `code`, `detail` and whatever else it has. */
export class Problem extends Error {
  constructor(status, told, retryAfter) {
    super(told.detail || `the server answered ${status}`);
    this.status = status;
    this.code = told.code || '';
    this.progress = told.progress;
    this.retryAfter = retryAfter;
  }
}

const HELD_MS = 4000; // what takes so long waits for a connection: but for a search, no answer takes a second

let heard = () => {};

/** Call back with whether requests wait for a connection. */
export function onHeld(callback) {
  heard = callback;
}

async function sent(address, options) {
  let held = false;
  const holding = setTimeout(() => heard(held = true), HELD_MS);
  try {
    return await fetch(address, { cache: 'no-store', ...options });
  } finally {
    clearTimeout(holding);
    if (held) heard(false);
  }
}

/** JSON of an endpoint. `query` is a string, encoded already. Raises Problem, and TypeError where nobody answers. */
export async function ask(path, query = '', options = {}) {
  const address = query ? `${path}?${query}` : path;
  const answer = await (options.signal ? fetch(address, options) : sent(address, options));
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  let told = {};
  try {
    told = await answer.json();
  } catch {
    // Not one of ours: of a proxy, perhaps.
  }
  throw new Problem(answer.status, told, Number(answer.headers.get('Retry-After')) || 0);
}
