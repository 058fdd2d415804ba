// What every run of the action pays before it does anything.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { node24 } from './copy';
import { median } from './statistics';

const bundle = fileURLToPath(new URL('../dist/index.js', import.meta.url));
const repetitions = 5;

export interface ColdStart {
  /** Of the bundle without inputs: it loads everything, reads them, and says what is missing. */
  readonly bundleMs: number;
  /** Of Node with an empty program. */
  readonly nodeMs: number;
  readonly bundleBytes: number;
  readonly gzippedBytes: number;
}

export async function measureColdStart(): Promise<ColdStart> {
  const bundleTimes: number[] = [];
  const nodeTimes: number[] = [];
  for (let repetition = 0; repetition < repetitions; repetition++) {
    bundleTimes.push(await time([bundle], 1));
    nodeTimes.push(await time(['--eval', ''], 0));
  }
  return {
    bundleMs: median(bundleTimes),
    nodeMs: median(nodeTimes),
    bundleBytes: statSync(bundle).size,
    gzippedBytes: gzipSync(readFileSync(bundle)).length,
  };
}

async function time(args: readonly string[], expectedCode: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-start-'));
  const env = { PATH: process.env.PATH, TMPDIR: folder, RUNNER_TEMP: folder };
  const start = performance.now();
  const child = spawn(node24, args, { env, cwd: folder, stdio: 'ignore' });
  const [code] = (await once(child, 'close')) as [number | null];
  const ms = performance.now() - start;
  rmSync(folder, { recursive: true });
  if (code !== expectedCode) throw new Error(`node ${args.join(' ')} ended with exit code ${code}`);
  return ms;
}
