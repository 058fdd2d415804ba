import { randomUUID } from 'node:crypto';
import { ActionError, errorMessage, GuardError } from '../errors';
import { parseFields } from '../plan/facts';
import type { Runtime } from '../runtime';
import * as scripts from '../ssh/scripts';
import type { Target } from '../ssh/target';
import type { CleanUp } from './clean-up';

/** Which run this is, for other runs and for those who read their messages. */
export interface RunIdentity {
  /** The same for all attempts of a run, and of no other run; empty where there is no such thing. */
  readonly run: string;
  /** From 1: a later one begins when the earlier has ended. */
  readonly attempt: number;
  /** Of jobs with the same name here, one at a time runs. */
  readonly job: string;
}

export interface LeaseTimes {
  /** Between two signs of life, in milliseconds. */
  readonly beatMs: number;
  /** After so many seconds without a sign of life a run is taken for dead. */
  readonly expirySeconds: number;
  /** How often another run is looked at, in milliseconds. */
  readonly watchMs: number;
}

const defaultTimes: LeaseTimes = { beatMs: 10_000, expirySeconds: 60, watchMs: 2000 };

/**
 * In these something is built on the runner, and the machine may not be needed for an hour: nothing but a sign of life
 * would connect again.
 */
const quietPhases = ['build', 'hardware-config'];

export interface LeaseOptions {
  readonly target: Target;
  readonly runtime: Runtime;
  readonly cleanUp: CleanUp;
  readonly identity: RunIdentity;
  readonly times?: LeaseTimes;
}

/** What the machine answers: see lease.sh. */
interface Answer {
  readonly state: string;
  readonly fields: ReadonlyMap<string, string>;
}

/** The machine is in another boot than the one that this run knows. */
export class RebootedError extends GuardError {
  /** Whether the run had begun to change the machine. */
  readonly begun: boolean;

  constructor(begun: boolean) {
    super('the machine was rebooted while this run was at work', {
      hint: 'another run, or somebody else, rebooted it, or it crashed: run again, which begins with what the machine is now',
    });
    this.begun = begun;
  }
}

/**
 * The right to work on a machine, which one run at a time has. A record in the machine's memory says whose it is; signs
 * of life keep it. It survives a lost connection, and ends with the boot.
 */
export class Lease {
  readonly #options: LeaseOptions;
  readonly #times: LeaseTimes;
  readonly #owner = randomUUID();
  #held: { readonly bootId: string; phase: string; stop(): void } | undefined;
  #last: { readonly bootId: string; readonly phase: string } | undefined;
  #plan = '';

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#times = options.times ?? defaultTimes;
  }

  /**
   * Waits until it is clear whether another run is at work there.
   *
   * @param plan digest of the plan, for whoever looks at the machine
   * @throws GuardError when one is; RebootedError when the machine is in another boot
   */
  async take(bootId: string, phase: string, plan: string): Promise<void> {
    const { runtime, target } = this.#options;
    this.#plan = plan;
    for (let watched: Answer | undefined; ; ) {
      const answer = await target.survivingDrops('taking the lease', () => this.#ask('take', bootId, phase));
      if (answer.state !== 'held') return this.#taken(answer, bootId, phase);
      if (watched === undefined)
        runtime.log.info(`${describe(answer)} has this machine: looking whether it is alive`);
      else if (isAlive(watched, answer)) throw occupied(answer);
      watched = answer;
      await runtime.clock.sleep(this.#times.watchMs, runtime.signal);
    }
  }

  /**
   * A sign of life with the name of the phase that begins. Connects again where the connection was lost.
   *
   * @throws GuardError when another run took the machine over meanwhile, or it was rebooted
   */
  async begin(phase: string): Promise<void> {
    const held = this.#held;
    if (held === undefined) return;
    held.phase = phase;
    const renew = () => this.#ask('renew', held.bootId, phase);
    checkRenewed(await this.#options.target.survivingDrops('renewing the lease', renew));
  }

  /** Whether the machine is in this boot and no other run has, or had, it since. Gives a sign of life if so. */
  async isOurs(bootId: string, signal: AbortSignal): Promise<boolean> {
    // what is done from here on has a deadline of its own, and is asked about here
    this.#options.target.beforeGoingOn = undefined;
    const ask = () => this.#ask('renew', bootId, 'clean-up', signal);
    return (await this.#options.target.survivingDrops('the clean-up', ask)).state === 'taken';
  }

  /** No more signs of life: the machine goes down, and the lease with it. */
  end(): void {
    this.#held?.stop();
    this.#held = undefined;
  }

  /** The machine did not go down after all: the lease is still ours. */
  resume(): void {
    if (this.#last !== undefined) this.#hold(this.#last);
  }

  #taken(answer: Answer, bootId: string, phase: string): void {
    const { runtime } = this.#options;
    const silent = answer.fields.get('silent') ?? '?';
    if (answer.state === 'rebooted') throw new RebootedError(this.#last !== undefined);
    if (answer.state === 'same-run') runtime.log.info(`taken over from ${describe(answer)}`);
    if (answer.state === 'expired')
      runtime.log.warning(
        `${describe(answer)} had this machine and has given no sign of life for ${silent} s: it is taken over.`,
      );
    this.#hold({ bootId, phase });
  }

  #hold(last: { bootId: string; phase: string }): void {
    const { runtime, cleanUp, target } = this.#options;
    this.end();
    const stopped = new AbortController();
    const forget = cleanUp.leave({
      what: 'The lease on the machine',
      bootId: last.bootId,
      last: true,
      remove: async (signal) => {
        stopped.abort();
        await target.run(scripts.lease, ['release', this.#owner], { privileged: true, signal });
      },
    });
    const stop = () => {
      stopped.abort();
      forget();
      target.beforeGoingOn = undefined;
    };
    this.#last = last;
    this.#held = { ...last, stop };
    // another run may have taken the machine over while there was no connection
    target.beforeGoingOn = () => this.#checkOurs();
    void this.#beat(AbortSignal.any([stopped.signal, runtime.signal]));
  }

  /** Signs of life as long as there is a connection. To make a new one is mostly up to the phases. */
  async #beat(signal: AbortSignal): Promise<void> {
    const { runtime, target } = this.#options;
    try {
      for (;;) {
        await runtime.clock.sleep(this.#times.beatMs, signal);
        if (!target.isConnected && !quietPhases.includes(this.#held?.phase ?? '')) continue;
        await this.#renewQuietly(signal);
      }
    } catch (error) {
      if (!signal.aborted && error instanceof ActionError) runtime.abort(error);
    }
  }

  /** @throws GuardError when another run took the machine over meanwhile, or it was rebooted */
  async #checkOurs(): Promise<void> {
    const held = this.#held;
    if (held !== undefined) checkRenewed(await this.#ask('renew', held.bootId, held.phase));
  }

  /** @throws GuardError when the lease is lost; whatever else goes wrong is the network's or the machine's trouble */
  async #renewQuietly(signal: AbortSignal): Promise<void> {
    const held = this.#held;
    if (held === undefined) return;
    try {
      checkRenewed(await this.#ask('renew', held.bootId, held.phase, signal));
    } catch (error) {
      if (error instanceof GuardError || signal.aborted) throw error;
      this.#options.runtime.log.debug(`no sign of life could be given: ${errorMessage(error)}`);
    }
  }

  async #ask(verb: string, bootId: string, phase: string, signal?: AbortSignal): Promise<Answer> {
    const { run, attempt, job } = this.#options.identity;
    const expiry = String(this.#times.expirySeconds);
    const args = [verb, this.#owner, bootId, expiry, run, String(attempt), job, this.#plan, phase];
    const { stdout } = await this.#options.target.run(scripts.lease, args.map(oneLine), {
      privileged: true,
      ...(signal === undefined ? {} : { signal }),
    });
    const fields = new Map(parseFields(stdout));
    return { state: fields.get('state') ?? '', fields };
  }
}

function checkRenewed(answer: Answer): void {
  if (answer.state === 'rebooted') throw new RebootedError(true);
  if (answer.state === 'lost') {
    throw new GuardError(`this run lost the machine: ${describe(answer)} has taken it over`, {
      hint: 'this run gave no sign of life for a minute, and the other one took it for dead: look at how that ends, then run again',
    });
  }
}

function isAlive(before: Answer, after: Answer): boolean {
  return before.fields.get('beat') !== after.fields.get('beat') || describe(before) !== describe(after);
}

function occupied(answer: Answer): GuardError {
  const { fields } = answer;
  return new GuardError(
    `another run works on this machine: ${describe(answer)}, for ${fields.get('held') ?? '?'} s, now in phase ${fields.get('phase') || '?'}`,
    {
      hint: 'run again when it has ended; with the same `concurrency` group in the workflow, runs wait for each other',
    },
  );
}

function describe({ fields }: Answer): string {
  const run = fields.get('run') || 'a run without a name';
  const attempt = fields.get('attempt') ?? '0';
  return `${run}${Number(attempt) > 1 ? `, attempt ${attempt}` : ''}${fields.get('job') ? ` (${fields.get('job')})` : ''}`;
}

/** The record has one line for each value. */
function oneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ');
}
