// The private key and the runner's own secrets are nowhere: not with any child of the action, in no file, in no output.
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect } from 'vitest';
import { decoys } from '../../testbed/action.mts';
import { nixEnvironment } from '../../testbed/paths.mts';
import { makeKey } from '../../testbed/sshd.mts';
import { type BundleRun, inputsFor, makeFlake, runBundle } from '../support/bundle';
import { test } from '../support/concurrent';
import { startMachine } from '../support/machine';
import { temporaryFolder } from '../support/runtime';
import { Watcher } from '../support/watcher';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** The lines of a private key that belong to it alone: all but the armour and the header that all such keys share. */
function distinctLines(key: string): string[] {
  const lines = key.split('\n').filter((line) => line !== '' && !line.startsWith('-----'));
  return lines.slice(1);
}

/** A `nix` that lives long enough to be looked at, before it is the real one. */
function slowNix(): string {
  const folder = temporaryFolder('slow');
  const real = nixEnvironment().PATH;
  const text = `#!/bin/sh\nsleep 0.7\nPATH='${real}' exec nix "$@"\n`;
  writeFileSync(join(folder, 'nix'), text, { mode: 0o755 });
  return `${folder}${delimiter}${real}`;
}

/** Every file below a folder that contains one of the texts. */
function filesWith(folder: string, texts: readonly string[]): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile())
    .filter((path) => {
      const contents = readFileSync(path, 'latin1');
      return texts.some((text) => contents.includes(text));
    });
}

interface WatchedRun {
  run: BundleRun;
  watcher: Watcher;
  secrets: string[];
  /** Files with a secret in them while the action ran. */
  duringRun: Set<string>;
}

/** Makes a plan with a key that is in no file (any more), and watches. */
async function watchedRun(action: string, change: Record<string, string> = {}): Promise<WatchedRun> {
  const keyFolder = temporaryFolder('key');
  const key = makeKey(join(keyFolder, 'key'));
  rmSync(keyFolder, { recursive: true });
  const secrets = [...distinctLines(key.private), ...Object.values(decoys)];
  const watcher = new Watcher([
    ...secrets,
    'INPUT_',
    ...Object.keys(decoys),
    'GITHUB_OUTPUT=',
    'GITHUB_STATE=',
  ]);
  const sshd = await startMachine({ authorizedKeys: [key.public] });
  const dir = temporaryFolder('leak');
  const duringRun = new Set<string>();
  const run = await runBundle({
    inputs: {
      ...inputsFor(sshd, `${makeFlake()}#demo`),
      'ssh-private-key': key.private,
      debug: 'true',
      ...change,
    },
    // a value that was handed over once more must not get to a child either
    env: { PATH: slowNix(), DEPLOY_KEY: key.private },
    dir,
    action,
    onStart: (child) => watcher.watch(child.pid ?? 0),
    onLine: () => {
      // the log itself has the masks, which only the runner reads
      const found = filesWith(dir, secrets).filter((path) => path !== join(dir, 'log.txt'));
      for (const path of found) duringRun.add(path);
    },
  });
  watcher.stop();
  return { run, watcher, secrets, duringRun };
}

/** What a reader of the log gets to see: the runner swallows the lines that tell it what to mask. */
function visible(log: string): string {
  return log
    .split('\n')
    .filter((line) => !line.startsWith('::add-mask::'))
    .join('\n');
}

describe('a run', () => {
  test('shows its secrets to no child, and writes them nowhere', async () => {
    const { run, watcher, secrets, duringRun } = await watchedRun(repository);
    expect(run.code, run.log).toBe(0);
    expect([...watcher.commands].join('\n')).toMatch(/nix .*eval/);
    expect(watcher.sightings).toEqual([]);

    expect([...duringRun]).toEqual([]);
    expect(filesWith(run.dir, secrets).filter((path) => path !== join(run.dir, 'log.txt'))).toEqual([]);
    const outputs = JSON.stringify([run.outputs, run.state, run.summary, run.result]);
    for (const secret of secrets) {
      expect(outputs).not.toContain(secret);
      expect(visible(run.log)).not.toContain(secret);
    }
    // nothing is left of its own folder
    expect(readdirSync(join(run.dir, 'tmpdir'))).toEqual([]);
  });

  test('has each line of the key masked before anything else is printed', async () => {
    const { run, secrets } = await watchedRun(repository);
    const lines = run.log.split('\n');
    const masks = lines.filter((line) => line.startsWith('::add-mask::'));
    for (const line of secrets.slice(0, -Object.keys(decoys).length))
      expect(masks).toContain(`::add-mask::${line}`);
    expect(lines.slice(0, masks.length)).toEqual(masks);
  });

  test('that fails leaks nothing either', async () => {
    const change = { flake: `${makeFlake('{ nixosConfigurations = throw "no"; }')}#demo` };
    const { run, watcher, secrets, duringRun } = await watchedRun(repository, change);
    expect(run.result.failure).toMatchObject({ kind: 'nix', phase: 'preflight' });
    expect([...watcher.commands].join('\n')).toMatch(/nix .*eval/);
    expect(watcher.sightings).toEqual([]);
    expect([...duringRun]).toEqual([]);
    for (const secret of secrets)
      expect(JSON.stringify([run.outputs, run.summary, visible(run.log)])).not.toContain(secret);
  });
});

describe('the controls', () => {
  /** A copy of the action whose children get all of its environment. */
  function leakyAction(): string {
    const folder = temporaryFolder('leaky');
    mkdirSync(join(folder, 'dist'));
    cpSync(join(repository, 'action.yml'), join(folder, 'action.yml'));
    const bundle = readFileSync(join(repository, 'dist/index.js'), 'utf8');
    const patched = bundle.replace(
      /^(function childEnvironment\((\w+), \w+\) \{)$/m,
      (_, head: string, environment: string) => `${head} return ${environment};`,
    );
    expect(patched).not.toBe(bundle);
    writeFileSync(join(folder, 'dist/index.js'), patched);
    return folder;
  }

  test('without the filter the watcher sees the key and the runner’s secrets', async () => {
    const { run, watcher, secrets } = await watchedRun(leakyAction());
    expect(run.code, run.log).toBe(0);
    const found = new Set(watcher.sightings.map((sighting) => sighting.found));
    for (const secret of [...secrets, 'INPUT_', ...Object.keys(decoys)]) expect(found).toContain(secret);
    expect(new Set(watcher.sightings.map(({ where }) => where))).toEqual(new Set(['environment']));
  });

  test('a secret in a file is found', () => {
    const folder = temporaryFolder('found');
    mkdirSync(join(folder, 'a/b'), { recursive: true });
    writeFileSync(join(folder, 'a/b/c'), 'something and a needle');
    expect(filesWith(folder, ['needle'])).toEqual([join(folder, 'a/b/c')]);
    return Promise.resolve();
  });
});
