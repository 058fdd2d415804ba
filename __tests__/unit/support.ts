// What several unit tests share. No stand-in of a module: the pieces that src/ gets handed from outside.
import type { Readable } from 'node:stream';
import fc from 'fast-check';
import { utils } from 'ssh2';
import type { StoredPath } from '../../src/cache/layer';
import type { ProcessOptions, ProcessResult, ProcessRunner } from '../../src/process';
import type { Clock, Logger, Runtime } from '../../src/runtime';
import { readPrivateKey } from '../../src/ssh/private-key';

/** Characters that shells, Markdown and the runner's command parser treat specially, and some of several bytes. */
const special = [
  "'",
  '"',
  '\\',
  '$',
  '`',
  '!',
  '*',
  '~',
  '#',
  '[',
  ']',
  '<',
  '>',
  '&',
  '|',
  ';',
  ':',
  '%',
  '=',
];
const blank = [' ', '\t', '\n', '\r', '\u00a0', '\u2028', '\u0085'];
const wide = ['é', 'ß', '日', '😀', '\u0301', '\u200d', '\ufeff'];

/** Text that is likely to break something; never with a NUL. */
export const nastyText = fc.oneof(
  fc.string({ unit: fc.constantFrom(...special, ...blank, ...wide, 'a', '-', '0') }),
  fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', '')),
);

/** The bytes, cut at any places. */
export function chunked(bytes: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Buffer[]> {
  return fc.tuple(bytes, fc.array(fc.nat(), { maxLength: 12 })).map(([all, cuts]) => {
    const places = cuts.map((cut) => cut % (all.length + 1)).toSorted((a, b) => a - b);
    return [...places, all.length].map((end, index) =>
      Buffer.from(all.subarray(places[index - 1] ?? 0, end)),
    );
  });
}

/** Time that passes only when told to. */
export class FakeClock implements Clock {
  #now = 0;
  readonly #sleepers = new Set<{ at: number; wake: () => void }>();

  now(): number {
    return this.#now;
  }

  get sleeping(): number {
    return this.#sleepers.size;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const sleeper = { at: this.#now + ms, wake: resolve };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', () => {
        this.#sleepers.delete(sleeper);
        reject(signal.reason);
      });
    });
  }

  advance(ms: number): void {
    this.#now += ms;
    for (const sleeper of this.#sleepers) {
      if (sleeper.at > this.#now) continue;
      this.#sleepers.delete(sleeper);
      sleeper.wake();
    }
  }
}

/** Keeps what was logged, each line with its kind before it. */
export class RecordingLog implements Logger {
  readonly lines: string[] = [];
  info(text: string): void {
    this.lines.push(`info: ${text}`);
  }
  debug(text: string): void {
    this.lines.push(`debug: ${text}`);
  }
  warning(text: string): void {
    this.lines.push(`warning: ${text}`);
  }
  foreign(origin: string, line: string): void {
    this.lines.push(`foreign ${origin}: ${line}`);
  }
  group<T>(_title: string, work: () => Promise<T>): Promise<T> {
    return work();
  }
}

export type Call = {
  readonly command: string;
  readonly args: readonly string[];
  readonly options: ProcessOptions;
};

/** Answers in place of programs, and keeps what it was asked. */
export class FakeProcesses implements ProcessRunner {
  readonly calls: Call[] = [];
  readonly #answer: (call: Call) => Partial<ProcessResult>;

  constructor(answer: (call: Call) => Partial<ProcessResult>) {
    this.#answer = answer;
  }

  async run(command: string, args: readonly string[], options: ProcessOptions): Promise<ProcessResult> {
    const call = { command, args, options };
    this.calls.push(call);
    const answer = this.#answer(call);
    const stdoutBytes = Buffer.from(answer.stdout ?? '');
    const result = { code: 0, stdout: '', stdoutBytes, errorLines: [], ...answer };
    for (const line of result.errorLines) options.onErrorLine?.(line);
    return result;
  }

  filter(): Readable {
    throw new Error('no filter is expected here');
  }
}

export function fakeRuntime(change: Partial<Runtime> = {}): Runtime & { readonly log: RecordingLog } {
  return {
    clock: new FakeClock(),
    processes: new FakeProcesses(() => ({})),
    signal: new AbortController().signal,
    abort: () => undefined,
    privateFolder: '/nonexistent',
    ...change,
    log: new RecordingLog(),
  };
}

/** A new ed25519 key in OpenSSH's format. ssh2 cuts leading zeros off, so that one in some hundred keys is damaged. */
export function makeTestKey(): string {
  for (;;) {
    const key = utils.generateKeyPairSync('ed25519').private;
    if ('key' in readPrivateKey(key)) return key;
  }
}

/** A path of a layer, of which only its size matters. */
export function storedPath(path: string, narSize: number, fileSize = 1): StoredPath {
  const [narHash, deriver, ca, fileHash] = ['', '', '', ''];
  return { path, narSize, fileSize, narHash, references: [], deriver, ca, fileHash, offset: 0, buildMs: 0 };
}
