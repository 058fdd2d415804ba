import type { NixEvent } from './log';

/** How much is done, of how much that is known of. */
export interface Count {
  readonly done: number;
  readonly total: number;
}

type Counted = 'builds' | 'copies' | 'substitutions' | 'download' | 'sent' | 'fetched';

/** An activity that runs. */
interface Running {
  readonly of: Counted;
  done: number;
  expected: number;
  running: number;
}

export interface MeterOptions {
  /** The store that `nix copy` sends to, as Nix names it. */
  readonly destination?: string | undefined;
  /** The derivations that the command is to build. */
  readonly wanted?: readonly string[];
}

/**
 * How far one Nix command is, by its own log. Counts as Nix's progress bar does (libmain/progress-bar.cc): activities tell
 * how far they are, and some of them how much all of a kind will be.
 */
export class NixMeter {
  readonly #now: () => number;
  readonly #options: MeterOptions;
  readonly #running = new Map<number, Running>();
  /** Of those that have ended, by what they count. */
  readonly #ended = new Map<Counted, number>();
  /** What activities count on, by them and by what they count. */
  readonly #expected = new Map<string, { readonly of: Counted; readonly amount: number }>();
  readonly #builds = new Map<number, { readonly derivation: string; readonly since: number }>();

  /** @param now milliseconds */
  constructor(now: () => number, options: MeterOptions = {}) {
    this.#now = now;
    this.#options = options;
  }

  add(event: NixEvent): void {
    switch (event.kind) {
      case 'building':
        this.#builds.set(event.activity, { derivation: event.derivation, since: this.#now() });
        return;
      case 'copying':
        this.#begin(event.activity, event.to === this.#options.destination ? 'sent' : 'fetched');
        return;
      case 'task':
        this.#begin(event.activity, event.of);
        return;
      case 'progress': {
        const { activity, done, expected, running } = event;
        Object.assign(this.#running.get(activity) ?? {}, { done, expected, running });
        return;
      }
      case 'expected': {
        const isOwn = this.#running.get(event.activity)?.of === 'copies';
        const of = event.of === 'download' ? 'download' : isOwn ? 'sent' : 'fetched';
        this.#expected.set(`${event.activity} ${of}`, { of, amount: event.amount });
        return;
      }
      case 'ended':
        this.#end(event.activity);
        return;
      default:
        return;
    }
  }

  #begin(activity: number, of: Counted): void {
    this.#running.set(activity, { of, done: 0, expected: 0, running: 0 });
  }

  #end(activity: number): void {
    this.#builds.delete(activity);
    const ended = this.#running.get(activity);
    if (ended === undefined) return;
    this.#running.delete(activity);
    // the last path is never told of while it is on its way
    const done = ended.of === 'copies' ? ended.expected : ended.done;
    this.#ended.set(ended.of, (this.#ended.get(ended.of) ?? 0) + done);
  }

  /** Derivations, paths, or bytes. */
  count(of: Counted): Count {
    const ended = this.#ended.get(of) ?? 0;
    let [done, known, told] = [ended, ended, 0];
    for (const running of this.#running.values()) {
      if (running.of !== of) continue;
      done += running.done;
      known += Math.max(running.expected, running.done);
    }
    for (const expected of this.#expected.values()) if (expected.of === of) told += expected.amount;
    return { done, total: Math.max(known, told) };
  }

  /** What is built right now: which derivation, and for how many milliseconds; the longest first. */
  get building(): readonly { readonly derivation: string; readonly ms: number }[] {
    const now = this.#now();
    const builds = [...this.#builds.values()];
    const { wanted = [] } = this.#options;
    // what was asked for keeps its activity to the end of the command (Nix holds its goal), though it is built
    let ended = builds.length - this.#buildsUnderWay(builds.length);
    return builds
      .filter(({ derivation }) => !(wanted.includes(derivation) && ended-- > 0))
      .map(({ derivation, since }) => ({ derivation, ms: now - since }))
      .toSorted((a, b) => b.ms - a.ms);
  }

  /** @param otherwise where Nix has not told */
  #buildsUnderWay(otherwise: number): number {
    const told = [...this.#running.values()].filter(({ of }) => of === 'builds');
    return told.length === 0 ? otherwise : told.reduce((sum, { running }) => sum + running, 0);
  }
}
