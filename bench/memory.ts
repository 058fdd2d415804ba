// The memory of the action's processes, by Linux' own account.
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Peaks, in bytes. */
export interface Memory {
  /** Of the action's own process. */
  readonly main: number;
  /** Of the largest process of the cache's client. */
  readonly client: number;
  /** Of what both had at the same time. */
  readonly together: number;
}

const intervalMs = 20;

/** Looks at the processes from now on; the function that is returned ends that. Nix and its builders are not counted. */
export function watchMemory(child: ChildProcess): () => Memory {
  const peaks = { main: 0, client: 0, together: 0 };
  const look = () => {
    const main = memoryOf(child.pid ?? 0);
    const clients = childrenOf(child.pid ?? 0)
      .filter(isClient)
      .map(memoryOf);
    peaks.main = Math.max(peaks.main, main.peak);
    peaks.client = Math.max(peaks.client, ...clients.map(({ peak }) => peak));
    peaks.together = Math.max(peaks.together, main.now + clients.reduce((sum, { now }) => sum + now, 0));
  };
  const timer = setInterval(look, intervalMs);
  return () => {
    clearInterval(timer);
    return peaks;
  };
}

/** Of one process, in bytes; 0 where it has ended. */
export function memoryOf(pid: number): { readonly now: number; readonly peak: number } {
  const status = read(`/proc/${pid}/status`);
  const field = (name: string) =>
    1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0);
  return { now: field('VmRSS'), peak: field('VmHWM') };
}

export function childrenOf(pid: number): number[] {
  return read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);
}

function isClient(pid: number): boolean {
  return read(`/proc/${pid}/cmdline`).includes('dist/cache/index.js');
}

/** Empty where the process has ended. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
