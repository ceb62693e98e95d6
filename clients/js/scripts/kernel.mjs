// Compiles the kernel and writes it into src/kernel-bytes.ts, as base64: one file to load, in every runtime and bundler.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { main } from 'assemblyscript/asc';

const OPTIONS = [
  '-O3',
  '--converge',
  '--noAssert',
  '--runtime',
  'stub',
  '--initialMemory',
  '2',
  '--memoryBase',
  '8192',
];

mkdirSync('build', { recursive: true });
const { error, stderr } = await main(['kernel/index.ts', '--outFile', 'build/kernel.wasm', ...OPTIONS]);
if (error) {
  console.error(stderr.toString());
  process.exit(1);
}
const bytes = readFileSync('build/kernel.wasm').toString('base64');
writeFileSync(
  'src/kernel-bytes.ts',
  `/** The kernel, compiled from kernel/index.ts. Made by scripts/kernel.mjs; not kept in git. */\nexport const KERNEL = '${bytes}';\n`,
);
