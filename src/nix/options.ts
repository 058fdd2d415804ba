import type { BuildRecord } from './build-record';

/** What passes over a bridge to another store. */
export interface BridgedOptions {
  readonly signal: AbortSignal;
  /** Called by whatever else sees bytes move. */
  readonly alsoAlive: (touch: () => void) => void;
  /** How many bytes have gone there. */
  readonly sentBytes?: () => number;
  /** Gets to know what is sent, what the other store fetches, and what it builds. */
  readonly record?: BuildRecord;
}

/** A binary cache that one build may take from, though the runner's settings do not name it. */
export interface Substituter {
  readonly uri: string;
  /** As in Nix's trusted-public-keys. */
  readonly publicKey: string;
}

/** How something is evaluated. */
export interface EvaluateOptions {
  /** What Nix says beside it is no news, since another evaluation says it too. */
  readonly quiet?: boolean;
  /** Where the flake's files come from, if that is not where the flake lies. */
  readonly folder?: string | undefined;
  /** What messages call it. Default: the installable. */
  readonly name?: string;
}

export interface BuildOptions {
  readonly substituter?: Substituter | undefined;
  /** Gets to know what the build does. */
  readonly record?: BuildRecord | undefined;
  /** After a failure builds what does not need what has failed. */
  readonly keepGoing?: boolean | undefined;
}

/** How a VM test is built. */
export interface TestOptions extends BuildOptions {
  readonly signal: AbortSignal;
  /** When the build is given up, in milliseconds: for a daemon, which may outlive its client. */
  readonly limitMs: number;
  /** Gets each line of the test's log. */
  readonly onLine: (line: string) => void;
}
