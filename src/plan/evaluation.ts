import { existsSync } from 'node:fs';
import { NixError } from '../errors';
import type { FlakeReference } from '../inputs/flake-reference';
import expression from '../nix/evaluation.nix';
import { type Nix, nixString } from '../nix/nix';

export interface Derivation {
  readonly drvPath: string;
  readonly outPath: string;
}

/** An SSH host key that the configuration's sshd uses. */
export interface ConfiguredHostKey {
  readonly type: string;
  readonly path: string;
  /** Empty for the type's default. */
  readonly bits: string;
}

/** Everything that one evaluation of the configuration tells. */
export interface Evaluation {
  /** `x86_64-linux` */
  readonly system: string;
  readonly hostName: string;
  readonly toplevel: Derivation;
  /** Undefined when no disko script was asked for. */
  readonly diskoScript: Derivation | undefined;
  /** The devices of `disko.devices.disk`. */
  readonly disks: readonly string[];
  readonly substituters: readonly string[];
  readonly trustedPublicKeys: readonly string[];
  /** Empty when sshd is off. */
  readonly hostKeys: readonly ConfiguredHostKey[];
}

/**
 * @param disko whether the disko script is needed
 * @throws NixError; an unknown configuration is answered with the names that exist
 */
export async function evaluate(
  nix: Nix,
  flake: FlakeReference,
  disko: boolean,
  signal: AbortSignal,
): Promise<Evaluation> {
  const request = JSON.stringify({ name: flake.name, path: flake.path, disko: disko ? 'diskoScript' : null });
  const apply = `(${expression}) (builtins.fromJSON ${nixString(request)})`;
  const answer = await nix
    .evaluate(`${localUri(flake.uri)}#nixosConfigurations`, apply, signal)
    .catch((error: unknown) => {
      throw explainEvaluation(error, flake);
    });
  return readEvaluation(answer, flake);
}

/** A folder that is named without `./` would be looked up in the registry. */
function localUri(uri: string): string {
  return /^[A-Za-z0-9_]/.test(uri) && !uri.includes(':') && existsSync(`${uri}/flake.nix`) ? `./${uri}` : uri;
}

function explainEvaluation(error: unknown, flake: FlakeReference): unknown {
  if (!(error instanceof NixError)) return error;
  const { lastLines } = error;
  if (!/does not provide attribute/.test(error.message)) {
    const hint =
      'see whether it evaluates elsewhere: nix eval FLAKE#nixosConfigurations.NAME.config.system.build.toplevel';
    return new NixError(error.message, { cause: error, lastLines, hint });
  }
  return new NixError(`the flake ${flake.uri} has no nixosConfigurations`, {
    cause: error,
    lastLines,
    hint: 'check the flake input: its part before the # must lead to a flake with an output nixosConfigurations',
  });
}

function readEvaluation(answer: unknown, flake: FlakeReference): Evaluation {
  const value = asRecord(answer);
  if (Array.isArray(value.unknown)) {
    throw new NixError(
      `the flake ${flake.uri} has no nixosConfigurations."${flake.name}"; it has ${value.unknown.join(', ') || 'none'}`,
      {
        hint: `write ${flake.uri}#NAME with one of these names`,
      },
    );
  }
  if (typeof value.missing === 'string') {
    throw new NixError(
      `nixosConfigurations."${flake.name}" has no attribute ${value.missing} (of ${flake.path.join('.')})`,
    );
  }
  const found = asRecord(value.found);
  if (found.diskoScript === 'missing') {
    throw new NixError(`nixosConfigurations."${flake.name}" has no config.system.build.diskoScript`, {
      hint: 'import the disko module and a disk layout, or leave disko out of phases',
    });
  }
  return {
    system: String(found.system),
    hostName: String(found.hostName),
    toplevel: asDerivation(found.toplevel),
    diskoScript: found.diskoScript === null ? undefined : asDerivation(found.diskoScript),
    disks: asStrings(found.disks),
    substituters: asStrings(found.substituters),
    trustedPublicKeys: asStrings(found.trustedPublicKeys),
    hostKeys: Array.isArray(found.hostKeys)
      ? found.hostKeys.map((key) => {
          const { type, path, bits } = asRecord(key);
          return { type: String(type), path: String(path), bits: String(bits) };
        })
      : [],
  };
}

function asRecord(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null)
    throw new NixError('the evaluation gave another answer than was asked for');
  return { ...value };
}

function asStrings(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function asDerivation(value: unknown): Derivation {
  const { drv, out } = asRecord(value);
  return { drvPath: String(drv), outPath: String(out) };
}
