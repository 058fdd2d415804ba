// A runner on which there is nothing yet, as GitHub's are whenever a job begins.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { nixEnvironment } from './paths.mts';

/**
 * The environment of a Nix that finds an empty store, and remembers nothing of evaluations and downloads.
 *
 * @param folder for what it then has; it goes with `removeRunner`
 */
export function emptyRunner(folder: string): Record<string, string> {
  removeRunner(folder);
  return {
    ...nixEnvironment(),
    XDG_CACHE_HOME: join(folder, 'cache'),
    NIX_REMOTE: `local?root=${join(folder, 'root')}`,
  };
}

/** Whether anything can be built in a store that is not where its paths say: that takes namespaces. */
export function canHaveOwnStore(): boolean {
  return process.getuid?.() === 0 || spawnSync('unshare', ['-rm', 'true']).status === 0;
}

export function removeRunner(folder: string): void {
  if (!existsSync(folder)) return;
  // a user cannot empty folders that are read-only, as those of a store are
  execFileSync('chmod', ['-R', 'u+w', folder]);
  rmSync(folder, { recursive: true });
}
