import { randomUUID } from 'node:crypto';
import type { ClientChannel } from 'ssh2';
import { IdleTimer, orAborted, within } from '../deadlines';
import { ConnectionError, RemoteCommandError, TimeoutError } from '../errors';
import { inSeconds, withProgressLines } from '../progress-lines';
import type { Runtime } from '../runtime';
import type { Login } from './authentication';
import { type Connection, dropped, type Endpoint, nameOf } from './connection';
import { Dialer, pauseMs, type TargetOptions } from './dialer';
import { HostKeyTrust } from './host-key-trust';
import type { HostKey } from './host-keys';
import { PipedScript, type PipeOptions } from './piped-script';
import { type Privilege, remoteCommand, type Script } from './remote-command';
import type { JumpHost } from './route';
import { checked, type RemoteResult, RunningScript, type RunOptions } from './running-script';
import { bootId } from './scripts';

/** How often one piece of repeatable work is tried before a connection that keeps breaking is given up. */
export const maxAttempts = 6;
/** How long a machine that may be going down or coming up may take to tell its boot id. */
const answerMs = 8000;
/** What a wait for another boot says while the machine has not gone down. */
export const stillTheOldBoot = 'still the old boot';

/** The machine that is installed, over one SSH connection that is made again when it breaks. */
export class Target {
  privilege: Privilege = 'none';
  /**
   * So many times the login may be refused until that is believed. A machine whose system is switched may not know its
   * keys for a moment; any other knows them at once.
   */
  refusedLogins = 1;
  /** Asked after a lost connection, before interrupted work is done again; throws where it may not be. */
  beforeGoingOn: (() => Promise<void>) | undefined;
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

  get login(): Login {
    return this.#options.login;
  }

  get trust(): HostKeyTrust {
    return this.#options.trust;
  }

  get isConnected(): boolean {
    return this.#connection?.isOpen === true;
  }

  /** From now on the machine is reached elsewhere, by another user or with other keys. */
  moveTo(change: Partial<Pick<TargetOptions, 'endpoint' | 'trust' | 'login'>>): void {
    this.#hangUp();
    this.#options = { ...this.#options, ...change };
  }

  /** The jump hosts on the way there. */
  get jumpHosts(): readonly JumpHost[] {
    return this.#options.via?.jumpHosts ?? [];
  }

  /** Ends the connection, and those to jump hosts. */
  close(): void {
    this.#hangUp();
    this.#options.via?.close();
  }

  #hangUp(): void {
    this.#connection?.end();
    this.#connection = undefined;
  }

  /** The open connection, or a new one. @throws ConnectionError or TimeoutError */
  async connect(signal: AbortSignal = this.#runtime.signal): Promise<Connection> {
    for (;;) {
      if (this.#connection?.isOpen) return this.#connection;
      const joined = this.#connecting !== undefined;
      const dialer = new Dialer(this.#options, this.#runtime);
      this.#connecting ??= dialer.dialPatiently(signal, this.refusedLogins).finally(() => {
        this.#connecting = undefined;
      });
      try {
        const connection = await orAborted(signal, this.#connecting);
        this.#connection = connection;
        return connection;
      } catch (error) {
        const failed = error instanceof ConnectionError || error instanceof TimeoutError;
        // whoever had begun it was cancelled, and we were not: the clean-up of a cancelled run
        if (!joined || failed || signal.aborted) throw error;
      }
    }
  }

  /** Connects without patience. @throws ConnectionError at the first failure */
  async connectOnce(signal: AbortSignal): Promise<void> {
    this.#connection = await new Dialer(this.#options, this.#runtime).dial(signal);
  }

  /**
   * The key that whoever listens on another port of the machine shows, without logging in.
   *
   * @returns undefined when no SSH server answers
   */
  async hostKeyAt(port: number, signal: AbortSignal): Promise<HostKey | undefined> {
    // accepts no key at all, so that the connection ends once it is shown
    const trust = HostKeyTrust.pinned([]);
    const options = { ...this.#options, endpoint: { ...this.endpoint, port }, trust };
    await new Dialer(options, this.#runtime).dial(signal).catch((error: unknown) => {
      if (!(error instanceof ConnectionError)) throw error;
    });
    return trust.offered;
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
        if (attempt > 1) await this.beforeGoingOn?.();
        return await work();
      } catch (error) {
        if (!isDropped(error) || attempt >= maxAttempts) throw error;
        this.#runtime.log.warning(
          `${error.message} during ${what}; connecting again (attempt ${attempt} of ${maxAttempts - 1})`,
        );
      }
    }
  }

  /**
   * Starts a script as root whose standard input and output are used as a pair of pipes, such as a store daemon.
   */
  async pipe(script: Script, args: readonly string[], options: PipeOptions): Promise<ClientChannel> {
    const connection = await this.connect();
    const marker = randomUUID();
    const command = remoteCommand(script, args, this.privilege, marker);
    const start = { command, marker, password: this.login.sudoPassword };
    const { channel, entered } = await connection.exec(
      command.line,
      (opened) => new PipedScript(opened, start, options),
    );
    const { clock, signal } = this.#runtime;
    await within(clock, 'becoming root', this.#options.idleMs, signal, () => entered).catch(
      (error: unknown) => {
        channel.destroy();
        throw error;
      },
    );
    return channel;
  }

  /** Whether this boot answers, on a new connection and at the first try. */
  async isStillIn(bootId: string): Promise<boolean> {
    const { signal } = this.#runtime;
    const current = await this.#poll(signal).catch(() => undefined);
    signal.throwIfAborted();
    return current === bootId;
  }

  /**
   * Whether who answers here is in another boot than `bootId`, asked by a login that that boot lets in.
   *
   * @returns false where it is that boot, and where no answer tells
   */
  async isAnotherBoot(
    bootId: string,
    as: { readonly user: string; readonly login: Login },
    signal: AbortSignal,
  ): Promise<boolean> {
    const { user, login } = as;
    const asker = new Target(
      { ...this.#options, endpoint: { ...this.endpoint, user }, login },
      this.#runtime,
    );
    try {
      return (await asker.#poll(signal)) !== bootId;
    } catch (error) {
      signal.throwIfAborted();
      return error instanceof ConnectionError && ['authentication', 'host-key'].includes(error.reason);
    } finally {
      asker.#hangUp();
    }
  }

  /**
   * Waits until the boot that runs now has ended: nothing answers any more, or something else does.
   *
   * @param ms how long, in milliseconds
   * @throws TimeoutError
   */
  waitUntilGone(bootId: string, what: string, ms: number): Promise<void> {
    this.#hangUp();
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
   * @param recognise is asked who answers, if not the new boot; a name means that it is worth waiting for the end of that
   * @returns the new boot id
   * @throws ConnectionError when it answers with another host key or refuses the login; TimeoutError
   */
  waitForBoot(
    previousBootId: string,
    what: string,
    ms: number,
    refusedLogins: number,
    recognise: (error: AboutConnection, signal: AbortSignal) => Promise<string | undefined> = async () =>
      undefined,
  ): Promise<string> {
    this.#hangUp();
    let refused = 0;
    return this.#waiting(what, ms, async (signal, note) => {
      for (;;) {
        try {
          const id = await this.#poll(signal);
          if (id !== previousBootId) return id;
          note(stillTheOldBoot);
          this.#hangUp();
        } catch (error) {
          if (!isAboutConnection(error)) throw error;
          const known = await recognise(error, signal);
          if (known === undefined && isHostKeyError(error)) throw error;
          if (known === undefined && isRefusal(error) && ++refused >= refusedLogins) throw error;
          note(known ?? error.message);
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
    const end = clock.now() + ms;
    const read = () => ({ done: lastSeen, now: `given up in ${inSeconds(end - clock.now())}` });
    const waiting = () => within(clock, what, ms, signal, (limited) => work(limited, note));
    return withProgressLines(this.#runtime, `waiting for ${what}`, read, waiting).catch((error: unknown) => {
      if (!(error instanceof TimeoutError)) throw error;
      throw new TimeoutError(`${error.message}; last seen: ${lastSeen}`, { cause: error });
    });
  }

  /** A new connection, and the boot id of whoever answers. */
  async #poll(signal: AbortSignal): Promise<string> {
    this.#connection = await new Dialer(this.#options, this.#runtime).dial(signal);
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

  async #runOnce(script: Script, args: readonly string[], options: RunOptions): Promise<RemoteResult> {
    const signal = options.signal ?? this.#runtime.signal;
    const connection = this.#connection?.isOpen ? this.#connection : await this.connect(signal);
    const privilege = options.privileged === true ? this.privilege : 'none';
    const marker = randomUUID();
    const command = remoteCommand(script, args, privilege, marker);
    const idle = new IdleTimer(
      `${script.name} on ${nameOf(this.endpoint)}`,
      options.idleMs ?? this.#options.idleMs,
    );
    const stop = AbortSignal.any([signal, idle.signal]);
    try {
      const start = { command, marker, password: this.login.sudoPassword, touch: () => idle.touch() };
      const run = await orAborted(
        stop,
        connection.exec(command.line, (channel) => new RunningScript(channel, start, options)),
      );
      const result = await orAborted(stop, run.finished).catch((error: unknown) => {
        run.abandon();
        throw isDropped(error) ? dropped(this.endpoint) : error;
      });
      return checked(script, result, run.noise, options.anyExitCode === true);
    } finally {
      idle.stop();
    }
  }
}

function isDropped(error: unknown): error is ConnectionError {
  return error instanceof ConnectionError && error.reason === 'dropped';
}

export type AboutConnection = ConnectionError | RemoteCommandError;

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
