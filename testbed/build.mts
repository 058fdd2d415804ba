// Builds the testbed's images, and hands out working copies of its flake.
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { flakeFolder } from './paths.mts';

/**
 * Builds what is missing of target, kexec image and flake; progress goes to this process's standard error. What it
 * starts ends with this process.
 */
export async function ensureImages(): Promise<void> {
  const script = join(import.meta.dirname, 'build.sh');
  // A process group of its own can be ended as a whole; sudo, which asks for a password at the terminal, cannot
  // live in one.
  const detached = process.getuid?.() === 0;
  const builder = spawn('setpriv', ['--pdeathsig', 'TERM', 'bash', script], { stdio: 'inherit', detached });
  const code = await new Promise<number | null>((resolve, reject) => {
    builder.on('error', reject).on('close', resolve);
  });
  if (code !== 0) throw new Error(`building the testbed's images failed (exit code ${code})`);
}

/** What tells one copy of the flake from another. */
export interface FlakeSettings {
  hostName: string;
  /** the disk that the configurations name; /dev/vda if not given */
  disk?: string;
  /** configurations that are hosts, by their names */
  hosts?: Record<string, FlakeHost>;
}

/** One host of a fleet. */
export interface FlakeHost {
  /** arguments of system.nix */
  system: Record<string, string | number | boolean>;
  /** the flake's nixosAnywhere.NAME */
  data: Record<string, string | number | boolean | string[]>;
}

/**
 * Makes a copy of the laid-out flake that may be changed.
 * @param folder replaced if it exists
 * @param options git: make it a git repository with one commit
 */
export function flakeCopy(folder: string, settings: FlakeSettings, options: { git?: boolean } = {}): string {
  rmSync(folder, { recursive: true, force: true });
  cpSync(flakeFolder, folder, { recursive: true, verbatimSymlinks: true });
  writeSettings(folder, settings);
  if (!options.git) return folder;
  git(folder, 'init', '--quiet', '--initial-branch=main');
  commitAll(folder);
  return folder;
}

/** Gives a copy that is a git repository other settings, as its next commit, which is returned. */
export function commitSettings(folder: string, settings: FlakeSettings): string {
  writeSettings(folder, settings);
  return commitAll(folder);
}

function writeSettings(folder: string, settings: FlakeSettings): void {
  writeFileSync(join(folder, 'settings.json'), `${JSON.stringify(settings)}\n`);
}

function commitAll(folder: string): string {
  const identity = ['-c', 'user.name=testbed', '-c', 'user.email=testbed@localhost'];
  git(folder, 'add', '--all');
  git(folder, ...identity, 'commit', '--quiet', '-m', 'flake');
  return git(folder, 'rev-parse', 'HEAD').trim();
}

function git(folder: string, ...args: string[]): string {
  return execFileSync('git', args, { cwd: folder, encoding: 'utf8', stdio: 'pipe' });
}
