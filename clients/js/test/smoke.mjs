// Opens a mirror of the server at a URL, says what it holds, and then the first change: the same in every runtime.
import { Mirror } from '../dist/index.js';

export async function smoke(url, say) {
  const mirror = await Mirror.open(url);
  await say({ count: mirror.count, digest: mirror.digest });
  for await (const { type, path } of mirror.changes('*.txt')) {
    await say({ type, path });
    break;
  }
  await mirror.close();
}

const url = globalThis.process?.argv[2];
if (url) await smoke(url, (line) => console.log(JSON.stringify(line)));
