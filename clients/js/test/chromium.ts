/** Pages in a browser without a window, which has no network but this machine. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { all, tool } from './project.js';

const FLAGS = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--disable-sync'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-extensions'],
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
];

/** What a page's server has at a path. */
export type Files = (pathname: string) => { readonly type: string; readonly body: string | Uint8Array } | undefined;

/** A page, what it has sent to `/told` line by line, and how to end it. */
export interface Page {
  /** The next line. */
  next(): Promise<string>;
}

/** Opens the page at `/`. Nothing, and the test is skipped, without a browser. */
export async function openPage(test: TestContext, files: Files, hash = ''): Promise<Page | undefined> {
  const browser = tool(test, 'chromium', 'chromium-browser', 'google-chrome');
  if (!browser) return undefined;
  const lines: string[] = [];
  let wake = (): void => {};
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://page');
    if (request.method === 'POST') {
      lines.push(Buffer.concat(await all(request)).toString());
      wake();
      return void response.writeHead(204).end();
    }
    const found = files(pathname);
    response.writeHead(found ? 200 : 404, { 'Content-Type': found?.type ?? 'text/plain' }).end(found?.body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const profile = mkdtempSync(join(tmpdir(), 'smarttree-chromium-'));
  const child = spawn(browser, [...FLAGS, `--user-data-dir=${profile}`, `${origin}/${hash}`], {
    detached: true,
    stdio: 'ignore',
  });
  test.after(async () => {
    process.kill(-(child.pid as number), 'SIGKILL');
    await once(child, 'exit');
    server.closeAllConnections();
    server.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  });
  const next = async (): Promise<string> => {
    while (lines.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    return lines.shift() as string;
  };
  return { next };
}
