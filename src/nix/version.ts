import { NixError } from '../errors';
import type { NixCommand } from './command';

/** Oldest Nix that knows `drv^*` and `--print-out-paths` in the way we use them. */
const oldestNix = [2, 18] as const;

/** @throws NixError when there is no Nix, or one that is too old */
export async function askVersion(command: NixCommand, signal: AbortSignal): Promise<string> {
  const hint =
    'add a step before this one that installs Nix 2.18 or later, such as cachix/install-nix-action or DeterminateSystems/nix-installer-action';
  const result = await command.spawn(['--version'], { signal }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new NixError('there is no nix on this runner (no such program in PATH)', {
      hint,
      cause: error,
    });
  });
  const version = /\b(\d+)\.(\d+)(\.\S+)?\s*$/.exec(result.stdout.trim());
  if (result.code !== 0 || version === null) {
    throw new NixError(`nix --version failed: ${result.errorLines.at(-1) ?? result.stdout.trim()}`, {
      ran: 'nix --version',
    });
  }
  const [major, minor] = [Number(version[1]), Number(version[2])];
  if (major < oldestNix[0] || (major === oldestNix[0] && minor < oldestNix[1])) {
    throw new NixError(
      `the Nix on this runner is ${version[0].trim()}; at least ${oldestNix.join('.')} is needed`,
      { hint },
    );
  }
  return version[0].trim();
}
