// Looks for secrets wherever a run could have left or shown them: on the runner and, as far as one can log in, on the target.
import type { ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { expect } from 'vitest';
import type { ActionResult } from '../../testbed/action.mts';
import { nixEnvironment } from '../../testbed/paths.mts';
import { makeKey } from '../../testbed/sshd.mts';
import { temporaryFolder } from './runtime';
import { Watcher } from './watcher';

/** Each text as it is, and what base64 makes of it wherever in something longer it stands. */
export function needlesOf(secrets: readonly string[]): string[] {
  const forms = secrets.flatMap((secret) => {
    const bytes = Buffer.from(secret);
    if (bytes.length < 8) return [secret];
    // whole groups of three bytes are written alike, whatever is around them
    const groups = [0, 1, 2].map((start) => {
      const end = start + Math.floor((bytes.length - start) / 3) * 3;
      return bytes.subarray(start, end).toString('base64');
    });
    return [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret), ...groups];
  });
  return [...new Set(forms)];
}

/** The lines of a private key that belong to it alone: all but the armour and the header that all such keys share. */
export function distinctLines(key: string): string[] {
  const lines = key.split('\n').filter((line) => line !== '' && !line.startsWith('-----'));
  return lines.slice(1);
}

/** A key that is in no file (any more). */
export function makeSecretKey(): ReturnType<typeof makeKey> {
  const folder = temporaryFolder('key');
  const key = makeKey(join(folder, 'key'), 'ed25519');
  rmSync(folder, { recursive: true });
  return key;
}

/** What a reader of the log gets to see: the runner swallows the lines that tell it what to mask. */
export function visible(log: string): string {
  return log
    .split('\n')
    .filter((line) => !line.startsWith('::add-mask::'))
    .join('\n');
}

/** Larger files are stores and disks of machines. */
const largestFile = 4 << 20;

/** Every file below a folder that contains one of the texts, and was changed since then (milliseconds). */
export function filesWith(folder: string, texts: readonly string[], since = 0): string[] {
  if (!existsSync(folder)) return [];
  return filesBelow(folder, since).filter((path) => {
    try {
      const contents = readFileSync(path, 'latin1');
      return texts.some((text) => contents.includes(Buffer.from(text).toString('latin1')));
    } catch {
      // gone meanwhile, or somebody else's
      return false;
    }
  });
}

/** Other tests make and remove folders of theirs meanwhile: what is gone is passed over. */
function filesBelow(folder: string, since: number): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return filesBelow(path, since);
      const file = entry.isFile() ? statSync(path, { throwIfNoEntry: false }) : undefined;
      return file !== undefined && file.size <= largestFile && file.mtimeMs >= since ? [path] : [];
    });
  } catch {
    return [];
  }
}

/** Watches a run for secrets while it goes on. */
export class LeakWatch {
  readonly watcher: Watcher;
  /** Files of the run with a secret in them, seen while it went on. */
  readonly files = new Set<string>();
  readonly since = Date.now();
  readonly #needles: readonly string[];
  readonly #dir: string;

  /**
   * @param dir the run's folder
   * @param names names of variables that no child may have, beside the secrets
   */
  constructor(dir: string, secrets: readonly string[], names: readonly string[] = []) {
    this.#dir = dir;
    this.#needles = needlesOf(secrets);
    this.watcher = new Watcher([...this.#needles, ...names]);
  }

  /** For runAction: from its start on, whatever the action starts is looked at. */
  readonly onStart = (child: ChildProcess): void => this.watcher.watch(child.pid ?? 0);

  /** For runAction: at each line of output the run's files are looked at. */
  readonly onLine = (): void => {
    for (const path of filesOf(this.#dir, this.#needles)) this.files.add(path);
  };

  stop(): void {
    this.watcher.stop();
  }
}

/** The log itself has the masks, which only the runner reads. */
function filesOf(dir: string, needles: readonly string[]): string[] {
  return filesWith(dir, needles).filter((path) => path !== join(dir, 'log.txt'));
}

/** A run that has ended, and what was seen of it meanwhile. */
export interface FinishedRun extends ActionResult {
  readonly watch?: LeakWatch;
}

/**
 * Fails when one of the secrets is in the log, the summary, an output, the state, a file of the run or a new one in the
 * temporary folder, or was seen with a child or in a file while it ran.
 *
 * @param secrets the texts themselves, of a key its distinctLines; other runs at the same time must not have them
 * @param own folders of the test, which may hold them
 */
export function expectNoLeak(
  run: FinishedRun,
  secrets: readonly string[],
  own: readonly string[] = [],
): void {
  const needles = needlesOf(secrets);
  const shown = { log: visible(run.log), summary: run.summary, outputs: run.outputs, state: run.state };
  for (const [where, text] of Object.entries(shown)) {
    const found = needles.filter((needle) =>
      JSON.stringify(text).includes(JSON.stringify(needle).slice(1, -1)),
    );
    expect(found, `secrets in ${where}`).toEqual([]);
  }
  expect(filesOf(run.dir, needles), 'files of the run with a secret').toEqual([]);
  if (run.watch === undefined) return;
  expect(run.watch.watcher.sightings, 'processes with a secret').toEqual([]);
  expect([...run.watch.files], 'files with a secret while it ran').toEqual([]);
  const elsewhere = filesWith(tmpdir(), needles, run.watch.since).filter(
    (path) =>
      ![run.dir, ...own].some((folder) => path.startsWith(`${folder}/`)) && !path.endsWith('/log.txt'),
  );
  expect(elsewhere, 'new files in the temporary folder with a secret').toEqual([]);
}

/** Runs a shell command as root on the target with this standard input; gives its standard output. */
export type OnTarget = (command: string, input: string) => Promise<string>;

/** Files of a machine where a run may leave something; shell histories are in /root. */
const targetFolders = ['/run', '/root', '/tmp', '/var/tmp', '/var/log', '/etc', '/home'];

/** The files on the target with one of the secrets in them. */
export async function tracesOnTarget(
  onTarget: OnTarget,
  secrets: readonly string[],
  folders: readonly string[] = targetFolders,
): Promise<string[]> {
  // over standard input: in the arguments they would be what is looked for
  const command = `grep -rlaFs -D skip --exclude-dir=nix-kept -f - ${folders.join(' ')}`;
  const found = await onTarget(`${command} || [ $? -le 2 ]`, `${needlesOf(secrets).join('\n')}\n`);
  return found.split('\n').filter((path) => path !== '');
}

/** PATH with a `nix` that lives long enough to be looked at, before it is the real one. */
export function slowNix(): string {
  const folder = temporaryFolder('slow');
  const real = nixEnvironment().PATH;
  const text = `#!/bin/sh\nsleep 0.7\nPATH='${real}' exec nix "$@"\n`;
  writeFileSync(join(folder, 'nix'), text, { mode: 0o755 });
  return `${folder}${delimiter}${real}`;
}
