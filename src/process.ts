import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { PassThrough, type Readable } from 'node:stream';
import { IdleTimer } from './deadlines';

export interface ProcessOptions {
  /** Added to the filtered environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** What it reads on standard input, which is empty without it. */
  readonly input?: string;
  readonly signal: AbortSignal;
  /** The process is ended with SIGKILL when it was silent for that many milliseconds. */
  readonly idleMs: number;
  /** Further signs of life, such as bytes that pass elsewhere on its behalf, are reported by calling what it hands out. */
  readonly alsoAlive?: (touch: () => void) => void;
  /** Gets each line of standard output as it comes; it is not captured then. */
  readonly onLine?: (line: string) => void;
  /** Gets to know the process. */
  readonly onStart?: (pid: number) => void;
  /** Gets each line of standard error as it comes. */
  readonly onErrorLine?: (line: string) => void;
}

export interface ProcessResult {
  /** The exit code; 128 plus the signal's number is not used: a process that was ended by a signal has `null`. */
  readonly code: number | null;
  readonly stdout: string;
  /** The same, byte for byte. */
  readonly stdoutBytes: Buffer;
  /** The last lines of standard error. */
  readonly errorLines: readonly string[];
}

export interface ProcessRunner {
  /**
   * Runs a program without a shell, in a process group of its own, and waits for its end.
   *
   * @throws the reason of the signal, TimeoutError after silence, and node's error when the program cannot be started
   */
  run(command: string, args: readonly string[], options: ProcessOptions): Promise<ProcessResult>;

  /**
   * Runs a program as a filter; it is ended with its output. The output breaks off with an error when the program
   * cannot be started or fails.
   */
  filter(command: string, args: readonly string[], input: Readable): Readable;
}

const keptErrorLines = 40;
/** How long a process may take to end after SIGTERM before it gets SIGKILL, and to let go of its output after its end. */
const graceMs = 2000;

/** Runs children with an environment that was cleaned of everything they have no business with. */
export class SpawnRunner implements ProcessRunner {
  readonly #environment: () => Readonly<Record<string, string>>;

  /** @param environment what every child gets; see childEnvironment */
  constructor(environment: () => Readonly<Record<string, string>>) {
    this.#environment = environment;
  }

  async run(command: string, args: readonly string[], options: ProcessOptions): Promise<ProcessResult> {
    options.signal.throwIfAborted();
    const child = spawn(command, args, {
      env: { ...this.#environment(), ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    if (child.pid !== undefined) options.onStart?.(child.pid);
    // a program that ends early says more by its end
    child.stdin.on('error', () => undefined).end(options.input ?? '');
    const idle = new IdleTimer(`${command} ${args[0] ?? ''}`.trim(), options.idleMs);
    options.alsoAlive?.(() => idle.touch());
    const end = (signal: NodeJS.Signals) => endGroup(child.pid, signal);
    const onAbort = () => {
      end('SIGTERM');
      setTimeout(() => end('SIGKILL'), graceMs).unref();
    };
    // seen: a Nix that waits for a dead peer's lock is deaf to SIGTERM
    const onSilence = () => end('SIGKILL');
    options.signal.addEventListener('abort', onAbort, { once: true });
    idle.signal.addEventListener('abort', onSilence, { once: true });
    try {
      const stdout: Buffer[] = [];
      const errorLines: string[] = [];
      child.stdout.on('data', (chunk: Buffer) => {
        idle.touch();
        if (options.onLine === undefined) stdout.push(chunk);
      });
      if (options.onLine !== undefined) eachLine(child.stdout, options.onLine);
      eachLine(child.stderr, (line) => {
        idle.touch();
        errorLines.push(line);
        if (errorLines.length > keptErrorLines) errorLines.shift();
        options.onErrorLine?.(line);
      });
      const code = await exitOf(child);
      options.signal.throwIfAborted();
      idle.signal.throwIfAborted();
      const stdoutBytes = Buffer.concat(stdout);
      return { code, stdout: stdoutBytes.toString('utf8'), stdoutBytes, errorLines };
    } finally {
      idle.stop();
      options.signal.removeEventListener('abort', onAbort);
    }
  }

  filter(command: string, args: readonly string[], input: Readable): Readable {
    const env = this.#environment();
    const child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
    const output = new PassThrough();
    let said = `${command} failed`;
    eachLine(child.stderr, (line) => {
      said = line;
    });
    input.on('error', (error) => output.destroy(error));
    input.pipe(child.stdin);
    // a program that ends early says more by its end
    child.stdin.on('error', () => undefined);
    // its output is whole only once it is known to have succeeded
    child.stdout.pipe(output, { end: false });
    child.once('error', (error) => output.destroy(error));
    child.once('close', (code) => (code === 0 ? output.end() : output.destroy(new Error(said))));
    output.once('close', () => {
      input.destroy();
      if (child.exitCode === null) endGroup(child.pid, 'SIGKILL');
    });
    return output;
  }
}

/**
 * Waits until the process has ended and its output is complete. Something that it left behind may hold its output
 * open; that is waited for only a moment.
 */
function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
    child.once('exit', () => {
      const close = () => [child.stdout, child.stderr].map((stream) => stream?.destroy());
      const timer = setTimeout(close, graceMs);
      child.once('close', () => clearTimeout(timer));
    });
  });
}

function endGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // it has ended already
  }
}

/** Calls back with each line of a stream, without its line end. */
function eachLine(stream: Readable, onLine: (line: string) => void): void {
  createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on('line', onLine);
}
