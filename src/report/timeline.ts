import type { PhaseName } from '../plan/plan';
import type { Clock } from '../runtime';

/** What takes its time within a phase, mostly beside something else. */
export const activityNames = [
  'facts',
  'evaluation',
  'build',
  'kexec-image',
  'disko-script',
  'disko',
  'system',
  'extra-files',
  'nixos-install',
  'switch',
] as const;
export type ActivityName = (typeof activityNames)[number];

interface Span {
  readonly outcome: 'success' | 'failure';
  /** Seconds after the run began. */
  readonly startedAfter: number;
  readonly seconds: number;
}

export interface PhaseRecord extends Span {
  readonly name: PhaseName;
}

export interface ActivityRecord extends Span {
  readonly name: ActivityName;
  readonly phase: PhaseName | null;
}

/** When what was done: phase by phase, and what went on within them. */
export class Timeline {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #began: number;
  readonly #phases: PhaseRecord[] = [];
  readonly #activities: ActivityRecord[] = [];
  #current: { readonly name: PhaseName; readonly start: number } | undefined;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
    this.#began = clock.now();
  }

  /** The phase that runs, or that failed. */
  get phase(): PhaseName | undefined {
    return this.#current?.name;
  }

  get phases(): readonly PhaseRecord[] {
    return this.#phases;
  }

  get activities(): readonly ActivityRecord[] {
    return this.#activities;
  }

  /** @param start milliseconds, where it began before that was known */
  begin(name: PhaseName, start = this.#clock.now()): void {
    this.#current = { name, start };
  }

  end(outcome: Span['outcome']): void {
    if (this.#current === undefined) return;
    const { name, start } = this.#current;
    this.#phases.push({ name, ...this.#spanSince(start, outcome) });
    if (outcome === 'success') this.#current = undefined;
  }

  /** Does the work, and remembers when; it may go on beside other work of its phase. */
  async activity<T>(name: ActivityName, work: () => Promise<T>): Promise<T> {
    const start = this.#clock.now();
    const phase = this.phase ?? null;
    const end = (outcome: Span['outcome']) =>
      this.#activities.push({ name, phase, ...this.#spanSince(start, outcome) });
    try {
      const result = await work();
      end('success');
      return result;
    } catch (error) {
      end('failure');
      throw error;
    }
  }

  /** Forgets the phases so far: what they found holds no longer. */
  startOver(): void {
    this.#phases.length = 0;
    this.#activities.length = 0;
    this.#current = undefined;
  }

  #spanSince(start: number, outcome: Span['outcome']): Span {
    return {
      outcome,
      startedAfter: inSeconds(start - this.#began),
      seconds: inSeconds(this.#clock.now() - start),
    };
  }
}

/** To a tenth. */
function inSeconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}
