import { NixError } from '../errors';
import type { Nix } from '../nix/nix';
import { flakeUri } from './evaluate';

/** The first Nix that can be told to look nowhere else than where one says. */
const absoluteSince = [2, 19] as const;

/**
 * Applies a function of Nix to one output of a flake.
 *
 * @param uri as it was given
 * @returns undefined where the flake has no such output
 * @throws NixError
 */
export async function evaluateOutput(
  uri: string,
  output: string,
  apply: string,
  nix: Nix,
  signal: AbortSignal,
): Promise<unknown> {
  const version = await nix.checkVersion();
  try {
    const flake = flakeUri(uri);
    return await nix.evaluate(`${flake}#${attributeFor(version, output)}`, apply, signal, {
      quiet: true,
      // without the dot, which nobody would write
      name: `${flake}#${output}`,
    });
  } catch (error) {
    if (error instanceof NixError && isMissing(error.message)) return undefined;
    throw error;
  }
}

/** A flake that has the package colmena would otherwise give that for its output colmena. */
function attributeFor(version: string, output: string): string {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isAbsolute = major > absoluteSince[0] || (major === absoluteSince[0] && minor >= absoluteSince[1]);
  return isAbsolute ? `.${output}` : output;
}

const isMissing = (message: string) => /error: flake '.*' does not provide attribute /.test(message);
