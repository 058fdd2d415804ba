import { formatDuration } from './deadlines';
import { formatBytes } from './report/quantities';
import type { Runtime } from './runtime';

/** How far some work is. */
export interface Reading {
  /** What is done, of how much; empty where nothing is known of it. */
  readonly done: string;
  /** Bytes that have moved so far: their rate is told, or for how long none has moved. */
  readonly bytes?: number | undefined;
  /** What goes on right now; empty where that is not known. */
  readonly now?: string;
}

/** When lines are due, in milliseconds after the beginning; later each so many. */
const firstDue = [10_000, 30_000] as const;
const thenEachMs = 60_000;

/** When the line after that time is due. */
function dueAfter(ms: number): number {
  return firstDue.find((due) => due > ms) ?? (Math.floor(ms / thenEachMs) + 1) * thenEachMs;
}

/**
 * Does the work, and says now and then how far it is: `sending the kexec image for 30 s: 12.3 MB of 64.2 MB, 1.1 MB/s`.
 * Work that takes less than ten seconds says nothing.
 *
 * @param what begins the lines
 * @param read is asked when a line is due; where it answers nothing there is none
 */
export async function withProgressLines<T>(
  { log, clock }: Pick<Runtime, 'log' | 'clock'>,
  what: string,
  read: () => Reading | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const over = new AbortController();
  const start = clock.now();
  const speed = new Speed(start, read()?.bytes ?? 0);
  const tell = async () => {
    for (let due = 0; ; ) {
      // a clock that was set back must not silence the lines, and one that was set forward makes one due, not all between
      const passed = Math.max(clock.now() - start, due);
      due = dueAfter(passed);
      await clock.sleep(due - passed, over.signal);
      const reading = read();
      const now = clock.now();
      if (reading !== undefined) log.info(lineOf(what, now - start, reading, speed.at(now, reading.bytes)));
    }
  };
  // it ends by being stopped
  void tell().catch(() => undefined);
  try {
    return await work();
  } finally {
    over.abort();
  }
}

function lineOf(what: string, ms: number, { done, now = '' }: Reading, speed: string): string {
  const far = [done, speed].filter((part) => part !== '').join(', ');
  const parts = [far, now].filter((part) => part !== '').join('; ');
  return `${what} for ${inSeconds(ms)}${parts === '' ? '' : `: ${parts}`}`;
}

/** Without tenths, which nobody waits for. */
export function inSeconds(ms: number): string {
  const seconds = Math.max(Math.round(ms / 1000), 0);
  return seconds < 10 ? `${seconds} s` : formatDuration(seconds * 1000);
}

/** The rate since the line before, or for how long nothing has moved: at least since the line that saw the same. */
class Speed {
  #lineAt: number;
  #movedAt: number;
  #bytes: number;

  constructor(at: number, bytes: number) {
    this.#lineAt = at;
    this.#movedAt = at;
    this.#bytes = bytes;
  }

  at(now: number, bytes: number | undefined): string {
    if (bytes === undefined) return '';
    const ms = now - this.#lineAt;
    const moved = bytes - this.#bytes;
    this.#lineAt = now;
    if (moved === 0) return `no bytes for ${inSeconds(now - this.#movedAt)}`;
    this.#movedAt = now;
    this.#bytes = bytes;
    // work that began anew, on a new connection, may count from nothing
    return moved > 0 && ms > 0 ? `${formatBytes(Math.round((moved / ms) * 1000))}/s` : '';
  }
}

/** `12.3 MB of 64.2 MB`, or `12.3 MB` where the whole is not known. */
export function bytesOf(done: number, total: number | undefined): string {
  return total === undefined || total < done
    ? formatBytes(done)
    : `${formatBytes(done)} of ${formatBytes(total)}`;
}
