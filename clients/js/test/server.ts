/** A real server on a directory of its own, and one that plays a script. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Api } from '@smart-tree/sse-client';
import { PROJECT, tool } from './project.js';

/** `st --serve`, up and ready. */
export class RealServer {
  private process: ChildProcess | undefined;

  private constructor(
    private readonly command: string,
    /** What it serves. */
    readonly top: string,
    private readonly options: readonly string[],
    /** Where it answers. */
    public url = '',
  ) {}

  /** Starts one; nothing, and the test is skipped, where the project is not built. It ends with the test. */
  static async start(test: TestContext, ...options: string[]): Promise<RealServer | undefined> {
    const command = tool(test, join(PROJECT, '.venv', 'bin', 'st'));
    if (!command) return undefined;
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'smarttree-js-')));
    const [top, state] = [join(folder, 'top'), join(folder, 'state')];
    mkdirSync(top);
    const history = options.includes('--no-state') ? [] : ['--state', state];
    const server = new RealServer(command, top, [...history, ...options]);
    test.after(async () => {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    });
    await server.begin();
    return server;
  }

  /** Starts it again, on the same port. */
  async begin(): Promise<void> {
    const port = this.url === '' ? '0' : new URL(this.url).port;
    const child = spawn(this.command, ['--serve', this.top, '--port', port, '--batch-ms', '5', ...this.options], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.process = child;
    this.url = `http://127.0.0.1:${await portTold(child)}`;
    await this.ready();
  }

  private async ready(): Promise<void> {
    for (;;) {
      if ((await fetch(`${this.url}/readyz`)).ok) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Kills it, or lets it end. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const { process } = this;
    this.process = undefined;
    if (!process || process.exitCode !== null) return;
    process.kill(signal);
    await once(process, 'exit');
  }

  /** The clock after everything that happened so far. */
  async sync(token?: string): Promise<string> {
    return (await new Api(this.url, token ? { token } : {}).clock({ sync: true })).clock;
  }
}

async function portTold(child: ChildProcess): Promise<string> {
  let told = '';
  for (const pipe of [child.stdout, child.stderr]) pipe?.on('data', (bytes) => (told += String(bytes)));
  for (;;) {
    const port = /http:\/\/localhost:([0-9]+)/.exec(told)?.[1];
    if (port) return port;
    if (child.exitCode !== null) throw new Error(`the server has ended: ${told}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Answers one request. */
export type Scene = (request: IncomingMessage, response: ServerResponse) => void;

/** A stream that sends this and ends. */
export function sends(...pieces: (string | Uint8Array)[]): Scene {
  return (_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    for (const piece of pieces) response.write(piece);
    response.end();
  };
}

/** A stream that sends this and goes on. */
export function holds(...pieces: string[]): Scene {
  return (_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.write(pieces.join('') || ': here\n\n');
  };
}

/** An answer of this status. */
export function answers(status: number, headers: Record<string, string> = {}, body = ''): Scene {
  return (_, response) => void response.writeHead(status, headers).end(body);
}

/** A server that answers its requests with these scenes, one after the other, and then with 204. */
export async function scripted(
  test: TestContext,
  ...scenes: Scene[]
): Promise<{ url: string; requests: IncomingMessage[] }> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    const scene = scenes[requests.length] ?? answers(204);
    requests.push(request);
    scene(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  test.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}
