import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Nix } from './nix';

/** A flake that lies on the runner. */
export interface FlakeSource {
  /** The folder that Nix takes the flake's files from: of a git repository its work tree. */
  readonly root: string;
  /** Whether that is a git repository, and not just a folder. */
  readonly isGit: boolean;
  /** Where in it flake.nix lies; empty for the root itself. */
  readonly dir: string;
  /** Parameters of a git flake that say what more is fetched, such as submodules. */
  readonly fetched: readonly string[];
  /** The files as Nix sees them: without those that git does not know. */
  readonly seen: string;
}

/**
 * @param uri as Nix takes it
 * @returns undefined for a flake from elsewhere, and for a commit: nothing that is written here changes those
 * @throws NixError
 */
export async function localFlake(
  nix: Nix,
  uri: string,
  signal: AbortSignal,
): Promise<FlakeSource | undefined> {
  const answer = asRecord(
    await nix.ask(['flake', 'metadata', '--json', '--no-write-lock-file', uri], signal),
  );
  const resolved = asRecord(answer.resolved);
  const { type, url, path, dir, rev, ref } = resolved;
  const root = type === 'path' ? text(path) : type === 'git' ? folderOf(text(url)) : '';
  if (root === '' || rev !== undefined || ref !== undefined) return undefined;
  // a store that lies elsewhere than its paths say, or a Nix that copies nothing, has no such folder
  const seen = text(answer.path);
  return {
    root,
    isGit: type === 'git',
    dir: text(dir),
    fetched: ['submodules', 'lfs', 'exportIgnore'].filter((option) => resolved[option] === true),
    seen: seen !== '' && existsSync(seen) ? seen : root,
  };
}

function folderOf(url: string): string {
  return url.startsWith('file://') ? fileURLToPath(url.replace(/[?#].*$/, '')) : '';
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

const text = (value: unknown) => (typeof value === 'string' ? value : '');
