import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { ClientChannel } from 'ssh2';
import { formatDuration, IdleTimer, orAborted, within } from '../deadlines';
import { ConnectionError, RemoteCommandError, TimeoutError } from '../errors';
import type { Runtime } from '../runtime';
import { Connection, dropped, type Endpoint, nameOf } from './connection';
import type { HostKeyTrust } from './host-key-trust';
import { LineSplitter } from './line-splitter';
import { MarkerFilter, type Privilege, remoteCommand, type Script } from './remote-command';
import { bootId } from './scripts';

export interface TargetOptions {
  readonly endpoint: Endpoint;
  readonly privateKey: string;
  readonly trust: HostKeyTrust;
  /** How long it may take until a connection stands, first or again, in milliseconds. */
  readonly connectMs: number;
  /** How long a remote command may be silent, in milliseconds. */
  readonly idleMs: number;
}

export interface RunOptions {
  /** As root, in the way that was found to work. Default: as the user who logged in. */
  readonly privileged?: boolean;
  /** The script's standard input; a stream only for scripts that are not repeatable. */
  readonly stdin?: Buffer | Readable;
  readonly idleMs?: number;
  readonly signal?: AbortSignal;
  /** Gets each line of standard output as it comes; it is not captured then. */
  readonly onLine?: (line: string) => void;
  readonly onErrorLine?: (line: string) => void;
  /** Gets the number of bytes of standard output as they come. */
  readonly onBytes?: (count: number) => void;
  /** Any exit code is an answer. Default: another code than 0 throws. */
  readonly anyExitCode?: boolean;
}

export interface RemoteResult {
  readonly code: number;
  readonly stdout: string;
  readonly errorLines: readonly string[];
}

/** How often one piece of repeatable work is tried before a connection that keeps breaking is given up. */
export const maxAttempts = 6;
/** Between two attempts to connect; OpenSSH 10 penalises clients that hammer. */
const pauseMs = 2000;
const handshakeMs = 30_000;
/** How long a machine that may be going down or coming up may take to tell its boot id. */
const answerMs = 8000;
/** What a wait for another boot says while the machine has not gone down. */
export const stillTheOldBoot = 'still the old boot';

/** The machine that is installed, over one SSH connection that is made again when it breaks. */
export class Target {
  privilege: Privilege = 'none';
  readonly #runtime: Runtime;
  #options: TargetOptions;
  #connection: Connection | undefined;
  #connecting: Promise<Connection> | undefined;

  constructor(options: TargetOptions, runtime: Runtime) {
    this.#options = options;
    this.#runtime = runtime;
  }

  get endpoint(): Endpoint {
    return this.#options.endpoint;
  }

  get trust(): HostKeyTrust {
    return this.#options.trust;
  }

  get isConnected(): boolean {
    return this.#connection?.isOpen === true;
  }

  /** From now on the machine is reached elsewhere, by another user or with other host keys. */
  moveTo(change: Partial<Pick<TargetOptions, 'endpoint' | 'trust'>>): void {
    this.close();
    this.#options = { ...this.#options, ...change };
  }

  close(): void {
    this.#connection?.end();
    this.#connection = undefined;
  }

  /** The open connection, or a new one. @throws ConnectionError or TimeoutError */
  async connect(signal: AbortSignal = this.#runtime.signal): Promise<Connection> {
    if (this.#connection?.isOpen) return this.#connection;
    this.#connecting ??= this.#dialPatiently(signal).finally(() => {
      this.#connecting = undefined;
    });
    this.#connection = await orAborted(signal, this.#connecting);
    return this.#connection;
  }

  /**
   * Runs a script and waits for its end. Repeatable scripts are run again when the connection was lost meanwhile.
   *
   * @throws ConnectionError, RemoteCommandError, TimeoutError after silence
   */
  run(script: Script, args: readonly string[], options: RunOptions = {}): Promise<RemoteResult> {
    return script.repeatable
      ? this.survivingDrops(script.name, () => this.#runOnce(script, args, options))
      : this.#runOnce(script, args, options);
  }

  /** Does the work again, on a new connection, as long as the failure is a lost connection. */
  async survivingDrops<T>(what: string, work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        const lost = error instanceof ConnectionError && error.reason === 'dropped';
        if (!lost || attempt >= maxAttempts) throw error;
        this.#runtime.log.warning(
          `${error.message} during ${what}; connecting again (attempt ${attempt} of ${maxAttempts - 1})`,
        );
      }
    }
  }

  /**
   * Starts a script as root whose standard input and output are used as a pair of pipes, such as a store daemon.
   *
   * @param onOutput bytes of standard output, noise of rc files taken off
   */
  async pipe(
    script: Script,
    args: readonly string[],
    options: { onOutput: (bytes: Buffer) => void; onErrorLine: (line: string) => void },
  ): Promise<ClientChannel> {
    const connection = await this.connect();
    const marker = randomUUID();
    const { command, preamble } = remoteCommand(script, args, this.privilege, marker);
    const channel = await connection.exec(command);
    const filter = new MarkerFilter(marker, options.onOutput);
    const errors = new LineSplitter(options.onErrorLine);
    channel.on('data', (bytes: Buffer) => filter.push(bytes));
    channel.stderr.on('data', (bytes: Buffer) => errors.push(bytes));
    channel.write(preamble);
    return channel;
  }

  async bootId(): Promise<string> {
    return (await this.run(bootId, [])).stdout.trim();
  }

  /**
   * Waits until the boot that runs now has ended: nothing answers any more, or something else does.
   *
   * @throws TimeoutError
   */
  waitUntilGone(bootId: string, what: string, ms: number): Promise<void> {
    this.close();
    return this.#waiting(what, ms, async (signal, note) => {
      while ((await this.#poll(signal).catch(() => undefined)) === bootId) {
        note(stillTheOldBoot);
        await this.#runtime.clock.sleep(pauseMs, signal);
      }
      signal.throwIfAborted();
    });
  }

  /**
   * Waits until the machine answers from another boot than before, and stays connected to that.
   *
   * @param refusedLogins so many times the login may be refused before that is believed
   * @returns the new boot id
   * @throws ConnectionError when it answers with another host key or refuses the login; TimeoutError
   */
  waitForBoot(previousBootId: string, what: string, ms: number, refusedLogins: number): Promise<string> {
    this.close();
    let refused = 0;
    return this.#waiting(what, ms, async (signal, note) => {
      for (;;) {
        try {
          const id = await this.#poll(signal);
          if (id !== previousBootId) return id;
          note(stillTheOldBoot);
          this.close();
        } catch (error) {
          if (!isAboutConnection(error) || isHostKeyError(error)) throw error;
          if (isRefusal(error) && ++refused >= refusedLogins) throw error;
          note(error.message);
        }
        await this.#runtime.clock.sleep(pauseMs, signal);
      }
    });
  }

  /** Waits with a deadline whose error says what was seen last. */
  #waiting<T>(
    what: string,
    ms: number,
    work: (signal: AbortSignal, note: (seen: string) => void) => Promise<T>,
  ): Promise<T> {
    let lastSeen = 'nothing has answered yet';
    const note = (seen: string) => {
      if (seen !== lastSeen) this.#runtime.log.debug(`waiting for ${what}: ${seen}`);
      lastSeen = seen;
    };
    const { clock, signal } = this.#runtime;
    return within(clock, what, ms, signal, (limited) => work(limited, note)).catch((error: unknown) => {
      if (!(error instanceof TimeoutError)) throw error;
      throw new TimeoutError(`${error.message}; last seen: ${lastSeen}`, { cause: error });
    });
  }

  /** A new connection, and the boot id of whoever answers. */
  async #poll(signal: AbortSignal): Promise<string> {
    this.#connection = await this.#dial(signal);
    return this.#askBootId(signal);
  }

  /** With little patience: a machine that goes down in the middle of an answer closes nothing. */
  async #askBootId(signal: AbortSignal): Promise<string> {
    try {
      const ask = (limited: AbortSignal) => this.#runOnce(bootId, [], { signal: limited });
      return (
        await within(this.#runtime.clock, 'asking for the boot id', answerMs, signal, ask)
      ).stdout.trim();
    } catch (error) {
      signal.throwIfAborted();
      this.#connection?.destroy();
      throw error instanceof TimeoutError ? dropped(this.endpoint) : error;
    }
  }

  /** Connects, and has patience with a machine that is not up yet; a wrong key or user is an answer at once. */
  #dialPatiently(signal: AbortSignal): Promise<Connection> {
    const name = nameOf(this.endpoint);
    let last: ConnectionError | undefined;
    const attempts = async (limited: AbortSignal) => {
      for (;;) {
        try {
          return await this.#dial(limited);
        } catch (error) {
          if (!(error instanceof ConnectionError) || !isWorthWaiting(error)) throw error;
          if (last?.message !== error.message) {
            this.#runtime.log.info(
              `${error.message}; trying for ${formatDuration(this.#options.connectMs)} in all`,
            );
          }
          last = error;
        }
        await this.#runtime.clock.sleep(pauseMs, limited);
      }
    };
    return within(
      this.#runtime.clock,
      `connecting to ${name}`,
      this.#options.connectMs,
      signal,
      attempts,
    ).catch((error: unknown) => {
      throw error instanceof TimeoutError && last !== undefined ? last : error;
    });
  }

  async #dial(signal: AbortSignal): Promise<Connection> {
    const { endpoint, privateKey, trust } = this.#options;
    try {
      return await Connection.open({
        endpoint,
        privateKey,
        acceptsHostKey: (blob) => trust.accepts(blob),
        hostKeyAlgorithms: trust.algorithms,
        handshakeMs,
        signal,
      });
    } catch (error) {
      if (!(error instanceof ConnectionError) || error.reason !== 'host-key') throw error;
      throw new ConnectionError('host-key', `${error.message}: ${trust.describeMismatch()}`, {
        cause: error,
        hint: 'the machine was reinstalled, or this is another machine, or somebody is in between: compare the fingerprint over another way (console, provider) before you change known-hosts',
      });
    }
  }

  async #runOnce(script: Script, args: readonly string[], options: RunOptions): Promise<RemoteResult> {
    const signal = options.signal ?? this.#runtime.signal;
    const connection = this.#connection?.isOpen ? this.#connection : await this.connect(signal);
    const privilege = options.privileged === true ? this.privilege : 'none';
    const marker = randomUUID();
    const { command, preamble } = remoteCommand(script, args, privilege, marker);
    const idle = new IdleTimer(
      `${script.name} on ${nameOf(this.endpoint)}`,
      options.idleMs ?? this.#options.idleMs,
    );
    const stop = AbortSignal.any([signal, idle.signal]);
    try {
      const channel = await orAborted(stop, connection.exec(command));
      const run = new RunningScript(channel, marker, options, () => idle.touch());
      run.send(preamble, options.stdin);
      const result = await orAborted(stop, run.finished(this.endpoint)).catch((error: unknown) => {
        channel.destroy();
        throw error;
      });
      return checked(script, result, run.noise, options.anyExitCode === true);
    } finally {
      idle.stop();
    }
  }
}

type AboutConnection = ConnectionError | RemoteCommandError;

/** A shell that does not run our script (a forced command, an account that is locked) refuses as well as a login does. */
function isAboutConnection(error: unknown): error is AboutConnection {
  return error instanceof ConnectionError || error instanceof RemoteCommandError;
}

function isHostKeyError(error: AboutConnection): boolean {
  return error instanceof ConnectionError && error.reason === 'host-key';
}

function isRefusal(error: AboutConnection): boolean {
  return error instanceof RemoteCommandError || error.reason === 'authentication';
}

function isWorthWaiting(error: ConnectionError): boolean {
  return ['unreachable', 'refused', 'no-banner', 'dropped'].includes(error.reason);
}

function checked(
  script: Script,
  result: RemoteResult,
  noise: string | undefined,
  anyExitCode: boolean,
): RemoteResult {
  const said = [...(noise ?? '').split('\n').filter((line) => line.trim() !== ''), ...result.errorLines];
  if (noise !== undefined) {
    throw new RemoteCommandError(
      `the target did not run ${script.name}, it ended with exit code ${result.code}`,
      {
        ran: script.name,
        lastLines: said,
      },
    );
  }
  if (result.code !== 0 && !anyExitCode) {
    const reason = result.errorLines.at(-1) ?? 'it said nothing';
    throw new RemoteCommandError(
      `${script.name} failed on the target with exit code ${result.code}: ${reason}`,
      {
        ran: script.name,
        lastLines: [
          ...result.stdout
            .split('\n')
            .slice(-20)
            .filter((line) => line !== ''),
          ...result.errorLines,
        ],
      },
    );
  }
  return result;
}

const keptErrorLines = 40;

/** One channel with a script in it: gathers what it prints and how it ends. */
class RunningScript {
  readonly #channel: ClientChannel;
  readonly #filter: MarkerFilter;
  readonly #stdout: Buffer[] = [];
  readonly #errorLines: string[] = [];
  readonly #lines: LineSplitter;
  readonly #errors: LineSplitter;

  constructor(channel: ClientChannel, marker: string, options: RunOptions, touch: () => void) {
    this.#channel = channel;
    this.#lines = new LineSplitter(options.onLine ?? (() => undefined));
    this.#errors = new LineSplitter((line) => {
      this.#errorLines.push(line);
      if (this.#errorLines.length > keptErrorLines) this.#errorLines.shift();
      options.onErrorLine?.(line);
    });
    this.#filter = new MarkerFilter(marker, (bytes) => {
      options.onBytes?.(bytes.length);
      if (options.onLine === undefined) this.#stdout.push(bytes);
      else this.#lines.push(bytes);
    });
    channel.on('data', (bytes: Buffer) => {
      touch();
      this.#filter.push(bytes);
    });
    channel.stderr.on('data', (bytes: Buffer) => {
      touch();
      this.#errors.push(bytes);
    });
    channel.on('drain', touch);
  }

  /** What was printed by something that was not the script, if the script never began. */
  get noise(): string | undefined {
    return this.#filter.seen ? undefined : this.#filter.noise;
  }

  send(preamble: Buffer, stdin: Buffer | Readable | undefined): void {
    // a script that ends early closes its side while we still write; its exit code tells more than the write error
    this.#channel.on('error', () => undefined);
    this.#channel.write(preamble);
    if (stdin === undefined || Buffer.isBuffer(stdin)) this.#channel.end(stdin);
    else stdin.pipe(this.#channel);
  }

  finished(endpoint: Endpoint): Promise<RemoteResult> {
    return new Promise((resolve, reject) => {
      let code: number | undefined;
      this.#channel.on('exit', (exit: number | null) => {
        // ended by a signal: as a shell would say it, without the signal's number
        code = exit ?? 128;
      });
      this.#channel.on('close', () => {
        this.#lines.end();
        this.#errors.end();
        if (code === undefined) return reject(dropped(endpoint));
        resolve({ code, stdout: Buffer.concat(this.#stdout).toString('utf8'), errorLines: this.#errorLines });
      });
    });
  }
}
