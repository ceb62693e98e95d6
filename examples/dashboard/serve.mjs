// Serves the dashboard on this machine: `node examples/dashboard/serve.mjs [PORT]`, once `make -C clients/js adapter` has built the client.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';

const CLIENT = new URL('../../clients/js/', import.meta.url);
const SCRIPT = /^\/client\/([a-z-]+\.js)$/;

/** What is at a path; nothing for what is not part of the page. */
export function files(pathname) {
  const script = (url) => ({ type: 'text/javascript', body: readFileSync(url) });
  if (pathname === '/') return { type: 'text/html', body: readFileSync(new URL('index.html', import.meta.url)) };
  if (pathname === '/dashboard.mjs') return script(new URL('dashboard.mjs', import.meta.url));
  if (pathname === '/zstddec.mjs') return script(new URL('node_modules/zstddec/dist/zstddec.mjs', CLIENT));
  const [, name] = SCRIPT.exec(pathname) ?? [];
  return name ? script(new URL(`dist/${name}`, CLIENT)) : undefined;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const port = Number(process.argv[2] ?? 8080);
  createServer((request, response) => {
    const found = files(new URL(request.url, 'http://page').pathname);
    response.writeHead(found ? 200 : 404, { 'Content-Type': found?.type ?? 'text/plain' }).end(found?.body);
  }).listen(port, '127.0.0.1', () => console.log(`http://localhost:${port}`));
}
