import { randomUUID } from 'node:crypto';
import { ConnectionError, RemoteCommandError } from '../errors';
import { LineSplitter } from './line-splitter';
import { quote } from './quote';
import * as scripts from './scripts';
import type { Target } from './target';

export interface DetachedWork {
  /** For messages and for the folder on the target: letters and dashes. */
  readonly name: string;
  /** Shell text; runs as root. */
  readonly script: string;
  readonly args: readonly string[];
  /** How long it may be silent, in milliseconds. */
  readonly idleMs: number;
  readonly onLine: (line: string) => void;
  /** Exit codes other than 0 that are no failure. */
  readonly toleratedCodes?: readonly number[];
}

type Followed = Pick<DetachedWork, 'name' | 'idleMs' | 'onLine' | 'toleratedCodes'>;

const keptLines = 40;

/**
 * Runs work on the target that goes on when the connection breaks. Its output is read from a file; after a lost
 * connection reading goes on where it stopped.
 *
 * @returns its exit code: 0, or one that is tolerated
 * @throws RemoteCommandError with its last lines, ConnectionError when no connection could be made any more
 */
export async function runDetached(target: Target, work: DetachedWork): Promise<number> {
  const id = await startDetached(target, work);
  const follower = new Follower(target, id, work);
  return target.survivingDrops(work.name, () => follower.follow());
}

/**
 * The same for work that takes the whole machine away.
 *
 * @throws ConnectionError (`dropped`) when the connection was lost and the boot `bootId` answers no more
 */
export async function runDetachedToTheEnd(target: Target, work: DetachedWork, bootId: string): Promise<void> {
  const follower = new Follower(target, await startDetached(target, work), work);
  for (;;) {
    try {
      await follower.follow();
      return;
    } catch (error) {
      const dropped = error instanceof ConnectionError && error.reason === 'dropped';
      if (!dropped || !(await target.isStillIn(bootId))) throw error;
    }
  }
}

/** Detached work of an earlier run. */
export interface Leftover {
  readonly id: string;
  /** Whether it still went on, and was waited for. */
  readonly awaited: boolean;
}

/**
 * Waits for the end of detached work that earlier runs left behind, whatever its outcome.
 *
 * @returns all that was begun in this boot
 */
export async function awaitLeftovers(
  target: Target,
  idleMs: number,
  onLine: (line: string) => void,
  signal?: AbortSignal,
): Promise<Leftover[]> {
  const { stdout } = await target.run(scripts.leftovers, [], { privileged: true, ...given(signal) });
  const leftovers = [...stdout.matchAll(/^(\S+) (running|ended)$/gm)].map(([, id = '', state]) => ({
    id,
    awaited: state === 'running',
  }));
  for (const { id, awaited } of leftovers) {
    if (!awaited) continue;
    const follower = new Follower(target, id, { name: id, idleMs, onLine });
    await target.survivingDrops(id, () => follower.untilEnd(signal));
  }
  return leftovers;
}

async function startDetached(target: Target, work: DetachedWork): Promise<string> {
  const id = `${work.name}-${randomUUID().slice(0, 8)}`;
  const text = Buffer.from(work.script);
  await target.run(scripts.detachedStart, [id, String(text.length), ...work.args], {
    privileged: true,
    stdin: text,
  });
  return id;
}

/** Reads the output of one piece of detached work, and knows how far it came. */
class Follower {
  readonly #target: Target;
  readonly #id: string;
  readonly #work: Followed;
  readonly #lastLines: string[] = [];
  /** One for all connections: a line, or a character, during which one breaks goes on with the next. */
  readonly #lines = new LineSplitter((line) => this.#keep(line));
  #offset = 0;

  constructor(target: Target, id: string, work: Followed) {
    this.#target = target;
    this.#id = id;
    this.#work = work;
  }

  async follow(): Promise<number> {
    const code = await this.untilEnd();
    if (code === 0 || (code !== undefined && this.#work.toleratedCodes?.includes(code))) return code;
    const how = code === undefined ? 'was killed' : `failed with exit code ${code}`;
    const reason = this.#lastLines.at(-1);
    throw new RemoteCommandError(
      `${this.#work.name} ${how} on the target${reason === undefined ? '' : `: ${reason}`}`,
      {
        ran: this.#work.name,
        lastLines: this.#lastLines,
        exitCode: code,
      },
    );
  }

  /** @returns the exit code, undefined when the work went away without one */
  async untilEnd(signal?: AbortSignal): Promise<number | undefined> {
    const result = await this.#target.run(scripts.detachedFollow, [this.#id, String(this.#offset)], {
      privileged: true,
      idleMs: this.#work.idleMs,
      ...given(signal),
      onBytes: (bytes) => {
        this.#offset += bytes.length;
        this.#lines.push(bytes);
      },
    });
    this.#lines.end();
    const ended = /^ended (\d+)$/.exec(result.errorLines.at(-1) ?? '');
    return ended === null ? undefined : Number(ended[1]);
  }

  #keep(line: string): void {
    this.#lastLines.push(line);
    if (this.#lastLines.length > keptLines) this.#lastLines.shift();
    this.#work.onLine(line);
  }
}

/** The option, where there is a signal other than the run's. */
function given(signal: AbortSignal | undefined): { readonly signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

/** Shell text that becomes one program of the target. */
export function execScript(program: string): string {
  return `exec ${quote(program)} "$@"\n`;
}
