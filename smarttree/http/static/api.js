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

/** JSON of an endpoint. `query` is a string, encoded already. Raises Problem, and TypeError where nobody answers. */
export async function ask(path, query = '', options = {}) {
  const answer = await fetch(query ? `${path}?${query}` : path, { cache: 'no-store', ...options });
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  let told = {};
  try {
    told = await answer.json();
  } catch {
    // Not one of ours: of a proxy, perhaps.
  }
  throw new Problem(answer.status, told, Number(answer.headers.get('Retry-After')) || 0);
}
