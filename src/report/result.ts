import type { CacheReport } from '../cache/report';
import type { ErrorKind } from '../errors';
import type { MatrixHost } from '../inputs/matrix';
import type { FailedHost } from '../plan/fleet';
import { type PhaseName, type PublishedPlan, planDigest } from '../plan/plan';
import { type Clock, systemClock } from '../runtime';
import type { HostKey } from '../ssh/host-keys';
import { type ActivityName, type ActivityRecord, type PhaseRecord, Timeline } from './timeline';

/** `listed`, `built`, `tested`: no machine was contacted. `gathered`: results of other runs. `prepared`: the phases that were asked for end before install, and were done. */
export const outcomes = [
  'listed',
  'gathered',
  'planned',
  'built',
  'tested',
  'prepared',
  'installed',
  'updated',
  'unchanged',
  'failed',
] as const;
export type Outcome = (typeof outcomes)[number];
/** How far the machine came. From `partitioned` on the old data is gone, unless disko only mounts or adds, or has no part in it. */
export const targetStates = [
  'untouched',
  'installer',
  'partitioned',
  'installed',
  'unlocking',
  'booted',
] as const;
export type TargetState = (typeof targetStates)[number];
/** What was proven about the new system. */
export type Verified = 'system' | 'host-key' | 'none';

export interface Failure {
  readonly kind: ErrorKind;
  readonly phase: PhaseName | null;
  readonly message: string;
  /** Which known failure it is: its heading in docs/errors.md. Null where it is none, or the place that failed knew better. */
  readonly known: string | null;
  readonly hint: string | null;
  /** What the machine does now, and how to go on; null where a run is about no single host. */
  readonly resume: string | null;
  readonly lastLines: readonly string[];
}

/** Which run of a workflow this was. Of several results of a host the one of the later run counts. */
export interface RunRecord {
  /** Empty where it is not known. */
  readonly url: string;
  /** From 1; 0 where it is not known. */
  readonly attempt: number;
  /** UTC, by the runner's clock: `2026-11-28T07:30:55.000Z`. */
  readonly startedAt: string;
}

/** What a run over many hosts has found. */
export interface FleetReport {
  /** How many were asked for. */
  readonly selected: number;
  /** Those that there is something to do for: a job each. */
  readonly hosts: readonly MatrixHost[];
  readonly failed: readonly FailedHost[];
  /** How often Nix was started to evaluate configurations. */
  readonly evaluations: number;
  /** What the runs for single hosts have left; empty where hosts are only listed. */
  readonly results: readonly HostResult[];
  /** The files that was read from; null where hosts are only listed. */
  readonly files: ResultFiles | null;
}

/** What became of the files in the folder of results. */
export interface ResultFiles {
  /** Those that are the result of a host. */
  readonly results: number;
  /** Of these those that a later one of the same host is instead of. */
  readonly superseded: number;
  /** Those that this action has not written for a host, and links. */
  readonly skipped: number;
  /** Those that could not be read, and why. */
  readonly problems: readonly FileProblem[];
}

export interface FileProblem {
  readonly file: string;
  readonly problem: string;
}

/** What one host's run has left. */
export interface HostResult {
  readonly host: string;
  /** `missing`: there is no result of it. */
  readonly outcome: Outcome | 'missing';
  readonly targetState: TargetState | null;
  readonly seconds: number;
  readonly failure: HostFailure | null;
  /** Null without one that a machine had its part in. */
  readonly plan: HostPlan | null;
  /** known_hosts lines, where the machine has others than those that it was known by. */
  readonly newHostKeys: readonly string[];
}

export interface HostFailure {
  readonly cancelled: boolean;
  readonly phase: PhaseName | null;
  readonly message: string;
  readonly hint: string | null;
  readonly resume: string | null;
}

/** `install`: what the machine runs is no NixOS. */
export type HostAction = 'install' | 'reinstall' | 'update' | 'nothing';

export interface HostPlan {
  readonly action: HostAction;
  readonly reason: string;
  /** The disks that will be lost, in words. */
  readonly lost: readonly string[];
  /** What is not as one expects of how it is carried out, in words. */
  readonly terms: readonly string[];
  /** Null where it is not the digest of this very plan. */
  readonly digest: string | null;
}

/** What of a closure came to the machine, and from where. */
export interface CopyRecord {
  readonly what: 'disko-script' | 'system';
  /** Sent by the runner: paths of the store, and bytes on the way there, before SSH's own compression. */
  readonly sentPaths: number;
  readonly sentBytes: number;
  /** Paths that the machine fetched from its substituters. */
  readonly substituted: number;
  /** Derivations that it built itself. */
  readonly built: number;
}

/** The outcome of a run; always there, on failure and cancel too. */
export interface Result {
  readonly version: 1;
  readonly outcome: Outcome;
  readonly targetState: TargetState;
  readonly target: string;
  /** The configuration's name in the flake; empty where there is none. */
  readonly host: string;
  readonly run: RunRecord;
  readonly systemPath: string;
  readonly verified: Verified;
  readonly phases: readonly PhaseRecord[];
  /** What went on within the phases, in the order in which it ended. */
  readonly activities: readonly ActivityRecord[];
  /** What the machine got, by what it was for. */
  readonly copied: readonly CopyRecord[];
  /** The host keys that the machine is known to have in the end, as known_hosts lines. */
  readonly hostKeys: readonly string[];
  /** The age recipients of those that are ed25519 keys. */
  readonly agePublicKeys: readonly string[];
  /** Units that had failed when the new system was asked; null if it was not, or has no systemd. */
  readonly failedUnits: readonly string[] | null;
  /** The file of the runner in which the machine has described itself; null if it has not. */
  readonly hardwareConfig: string | null;
  /** SHA-256 of the kexec image that was taken, where kexec-sha256 did not ask for one. */
  readonly kexecSha256: string | null;
  /** What the cache gave and got; null where it was not used. */
  readonly cache: CacheReport | null;
  readonly plan: PublishedPlan | null;
  readonly planDigest: string | null;
  /** Null in a run for one host. */
  readonly fleet: FleetReport | null;
  readonly failure: Failure | null;
}

/** Gathers the result while the run goes on. */
export class Progress {
  targetState: TargetState = 'untouched';
  target = '';
  host = '';
  run: RunRecord = { url: '', attempt: 0, startedAt: '' };
  fleet: FleetReport | null = null;
  systemPath = '';
  verified: Verified = 'none';
  plan: PublishedPlan | undefined;
  /** The keys that the new system must show after the reboot. */
  expectedHostKeys: readonly HostKey[] = [];
  /** The keys of the new system's initrd, where they could be read. */
  initrdHostKeys: readonly HostKey[] = [];
  hostKeyLines: readonly string[] = [];
  /** What goes on on the machine when this run stops now: `disko`, `nixos-install`, … */
  goesOn: string | undefined;
  /** The installer was given a key that ends with this run, and lets in no later one. */
  keyIsLost = false;
  agePublicKeys: readonly string[] = [];
  failedUnits: readonly string[] | null = null;
  hardwareConfig: string | null = null;
  kexecSha256: string | null = null;
  cache: CacheReport | null = null;
  readonly copied: CopyRecord[] = [];
  readonly #timeline: Timeline;

  constructor(clock: Pick<Clock, 'now'> = systemClock) {
    this.#timeline = new Timeline(clock);
  }

  /** The phase that runs, or that failed. */
  get phase(): PhaseName | undefined {
    return this.#timeline.phase;
  }

  /** Forgets the phases so far: what they found holds no longer. */
  startOver(): void {
    this.#timeline.startOver();
    this.goesOn = undefined;
    if (this.targetState === 'installer') this.targetState = 'untouched';
  }

  /** @param start milliseconds, where it began before that was known */
  begin(phase: PhaseName, start?: number): void {
    this.#timeline.begin(phase, start);
  }

  end(outcome: PhaseRecord['outcome']): void {
    this.#timeline.end(outcome);
  }

  /** Does the work, and remembers when; it may go on beside other work of its phase. */
  activity<T>(name: ActivityName, work: () => Promise<T>): Promise<T> {
    return this.#timeline.activity(name, work);
  }

  result(outcome: Outcome, failure?: Failure): Result {
    return {
      version: 1,
      outcome,
      targetState: this.targetState,
      target: this.target,
      host: this.host,
      run: this.run,
      systemPath: this.systemPath,
      verified: this.verified,
      // what comes after a phase's end, such as the check of the plan, is reported with it
      phases: this.#timeline.phases.map((phase) =>
        phase.name === failure?.phase ? { ...phase, outcome: 'failure' } : phase,
      ),
      activities: this.#timeline.activities,
      copied: this.copied,
      hostKeys: this.hostKeyLines,
      agePublicKeys: this.agePublicKeys,
      failedUnits: this.failedUnits,
      hardwareConfig: this.hardwareConfig,
      kexecSha256: this.kexecSha256,
      cache: this.cache,
      plan: this.plan ?? null,
      planDigest: this.plan === undefined ? null : planDigest(this.plan),
      fleet: this.fleet,
      failure: failure ?? null,
    };
  }
}
