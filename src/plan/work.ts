import { within } from '../deadlines';
import { errorMessage } from '../errors';
import type { Nix } from '../nix/nix';
import { signersOf } from '../nix/path-info';
import { nameOfPath } from '../nix/store-path';
import type { Runtime } from '../runtime';
import { type Derivation, type Evaluation, installable } from './evaluation';
import type { PhaseName } from './plan';

/** What there is to build and to copy, as the runner's store and its substituters stand now. */
export interface Work {
  readonly build: {
    readonly derivations: number;
    /** The first of them, without hash and folder. */
    readonly names: readonly string[];
  };
  readonly fetch: {
    readonly paths: number;
    /** Null where Nix said it in words that are not understood. */
    readonly downloadBytes: number | null;
    readonly unpackedBytes: number | null;
  };
  /** The system and all that it needs; null as long as it is not built. */
  readonly closure: Closure | null;
}

export interface Closure {
  readonly paths: number;
  readonly bytes: number;
  /** What carries a signature that the configuration trusts: the machine can fetch it from the substituters itself. */
  readonly fetchable: { readonly paths: number; readonly bytes: number };
}

const shownNames = 50;

/** What a run without a machine builds: the VM test where it was asked for, which needs all else. */
export function allDerivations({ diskoScript, toplevel, installTest }: Evaluation): readonly Derivation[] {
  const wanted = installTest === undefined ? [diskoScript, toplevel] : [installTest];
  return wanted.filter((derivation) => derivation !== undefined);
}

/** What the phases need to be built here. */
export function derivationsOf(phases: readonly PhaseName[], evaluation: Evaluation): readonly Derivation[] {
  return [
    phases.includes('disko') ? evaluation.diskoScript : undefined,
    phases.includes('install') || phases.includes('update') ? evaluation.toplevel : undefined,
  ].filter((derivation) => derivation !== undefined);
}

/**
 * Looks at what a build of these would do. A reader wants to know it, nothing depends on it: where it cannot be found
 * out that is a line for debugging.
 *
 * @param longestMs it takes a fraction of a second, but substituters are asked, and they may be slow
 */
export async function observeWork(
  evaluation: Evaluation,
  derivations: readonly Derivation[],
  nix: Nix,
  runtime: Runtime,
  longestMs: number,
): Promise<Work | null> {
  try {
    return await within(
      runtime.clock,
      'looking at what is to be built',
      longestMs,
      runtime.signal,
      (signal) => look(evaluation, derivations, nix, signal),
    );
  } catch (error) {
    runtime.signal.throwIfAborted();
    runtime.log.debug(`what is to be built and copied is not known: ${errorMessage(error)}`);
    return null;
  }
}

async function look(
  evaluation: Evaluation,
  derivations: readonly Derivation[],
  nix: Nix,
  signal: AbortSignal,
): Promise<Work> {
  const missing = await nix.missing(derivations.map(installable), signal);
  return {
    build: {
      derivations: missing.build.length,
      names: missing.build.slice(0, shownNames).map(nameOfPath),
    },
    fetch: {
      paths: missing.fetch.length,
      downloadBytes: missing.downloadBytes ?? null,
      unpackedBytes: missing.unpackedBytes ?? null,
    },
    closure: await closureOf(evaluation, nix, signal),
  };
}

async function closureOf(evaluation: Evaluation, nix: Nix, signal: AbortSignal): Promise<Closure | null> {
  const system = evaluation.toplevel?.outPath;
  if (system === undefined || !(await nix.pathInfo([system], signal)).has(system)) return null;
  const infos = [...(await nix.pathInfo([system], signal, { recursive: true })).values()];
  const { substituters, trustedPublicKeys } = evaluation;
  const trusted = new Set(substituters.length === 0 ? [] : trustedPublicKeys.map((key) => key.split(':')[0]));
  // what was built here may be signed by a key of this runner, and be nowhere else
  const fetchable = infos.filter(
    (info) => !info.ultimate && signersOf(info).some((name) => trusted.has(name)),
  );
  const bytes = (of: typeof infos) => of.reduce((sum, { narSize }) => sum + narSize, 0);
  return {
    paths: infos.length,
    bytes: bytes(infos),
    fetchable: { paths: fetchable.length, bytes: bytes(fetchable) },
  };
}
