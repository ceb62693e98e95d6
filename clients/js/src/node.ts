/**
 * What only Node has: requests that trust certificates of one's own. Deno and Bun have options of their `fetch` for that.
 *
 * Law: an answer is a standard Response, whose body is read from the socket as it is taken.
 */

import { type IncomingMessage, request as plain } from 'node:http';
import { request as secure } from 'node:https';
import { Readable } from 'node:stream';

/** A `fetch` for `ClientOptions` that trusts these certificates (PEM) and no others. It follows no redirects. */
export function nodeFetch(trust: { readonly ca: string | Buffer }): typeof globalThis.fetch {
  return (input, init = {}) =>
    new Promise((resolve, reject) => {
      const url = new URL(String(input));
      const { method = 'GET', body, signal } = init;
      const headers = Object.fromEntries(new Headers(init.headers));
      const options = { method, headers, agent: false as const, ...(signal ? { signal } : {}) };
      const take = (message: IncomingMessage): void => resolve(answer(message));
      const request =
        url.protocol === 'https:' ? secure(url, { ...options, ca: trust.ca }, take) : plain(url, options, take);
      request.on('error', reject);
      request.end(body ?? undefined);
    });
}

const NO_BODY = new Set([204, 205, 304]);

function answer(message: IncomingMessage): Response {
  const status = message.statusCode ?? 0;
  const headers = new Headers();
  for (const [name, value] of Object.entries(message.headers))
    for (const one of Array.isArray(value) ? value : [value ?? '']) headers.append(name, one);
  const body = NO_BODY.has(status) ? null : (Readable.toWeb(message) as ReadableStream<Uint8Array>);
  return new Response(body, { status, headers });
}
