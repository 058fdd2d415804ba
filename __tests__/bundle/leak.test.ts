// The private key and the runner's own secrets are nowhere: not with any child of the action, in no file, in no output.
import { randomUUID } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect } from 'vitest';
import { readPrivateKey } from '../../src/ssh/private-key';
import { decoys } from '../../testbed/action.mts';
import { makeKey } from '../../testbed/sshd.mts';
import { type BundleRun, inputsFor, makeFlake, runBundle } from '../support/bundle';
import { test } from '../support/concurrent';
import { distinctLines, expectNoLeak, filesWith, LeakWatch, slowNix, visible } from '../support/leak';
import { startMachine } from '../support/machine';
import { failure, temporaryFolder } from '../support/runtime';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** A key that is in no file (any more). */
function makeSecretKey(passphrase: string) {
  const folder = temporaryFolder('key');
  const key = makeKey(join(folder, 'key'), 'ed25519', passphrase);
  rmSync(folder, { recursive: true });
  return { ...key, opened: openedLines(key.private, passphrase) };
}

/** What the key looks like without its passphrase: the lines that are the same each time it is opened. */
function openedLines(locked: string, passphrase: string): string[] {
  const [some = [], others = []] = [0, 1].map(() => {
    const reading = readPrivateKey(locked, Buffer.from(passphrase));
    if (!('key' in reading)) throw new Error(JSON.stringify(reading));
    return distinctLines(reading.key.privateKey);
  });
  return some.filter((line) => others.includes(line));
}

interface WatchedRun {
  run: BundleRun & { watch: LeakWatch };
  /** Those of the keys come first. */
  secrets: string[];
  /** Those of the keys as they are used, which nobody gave. */
  opened: string[];
  /** One of them. */
  passphrase: string;
}

/** Makes a plan, and watches. */
async function watchedRun(
  action: string,
  changeFor: (passphrase: string) => Record<string, string> = () => ({}),
): Promise<WatchedRun> {
  const passphrase = `correct horse ${randomUUID()}`;
  const keyPassphrases = [`of the key ${randomUUID()}`, `of the other ${randomUUID()}`] as const;
  const [key, postInstallKey] = [makeSecretKey(keyPassphrases[0]), makeSecretKey(keyPassphrases[1])];
  const lines = [...distinctLines(key.private), ...distinctLines(postInstallKey.private)];
  const passwords = [
    `of the user ${randomUUID()}`,
    `for sudo ${randomUUID()}`,
    `cache-${randomUUID()}`,
  ] as const;
  const given = [...keyPassphrases, ...passwords, `of the new system ${randomUUID()}`];
  const secrets = [...lines, ...given, passphrase, ...Object.values(decoys)];
  const opened = [...key.opened, ...postInstallKey.opened];
  const sshd = await startMachine({ authorizedKeys: [key.public] });
  const dir = temporaryFolder('leak');
  const names = ['INPUT_', ...Object.keys(decoys), 'GITHUB_OUTPUT=', 'GITHUB_STATE='];
  names.push('DISK_KEY', 'KEY_PASSPHRASE', 'SUDO_PASSWORD', 'SSHPASS', 'TOKEN=');
  const watch = new LeakWatch(dir, [...secrets, ...opened], names);
  const run = await runBundle({
    inputs: {
      ...inputsFor(sshd, `${makeFlake()}#demo`),
      'ssh-private-key': key.private,
      'ssh-private-key-passphrase': keyPassphrases[0],
      'post-install-ssh-private-key': postInstallKey.private,
      'post-install-ssh-private-key-passphrase': 'env:KEY_PASSPHRASE',
      'ssh-password': passwords[0],
      'sudo-password': 'env:SUDO_PASSWORD',
      netrc: `machine cache.example login me password ${passwords[2]}`,
      'disk-encryption-keys': '/tmp/disk.key env:DISK_KEY',
      'secret-files': '/etc/token mode=0440 owner=0:1 env:TOKEN',
      debug: 'true',
      ...changeFor(passphrase),
    },
    // a value that was handed over once more must not get to a child either
    env: {
      PATH: slowNix(),
      DEPLOY_KEY: key.private,
      DISK_KEY: passphrase,
      TOKEN: given.at(-1) ?? '',
      KEY_PASSPHRASE: keyPassphrases[1],
      SUDO_PASSWORD: passwords[1],
      SSHPASS: passwords[0],
      CACHE_TOKEN: passwords[2],
    },
    dir,
    action,
    onStart: watch.onStart,
    onLine: watch.onLine,
  });
  watch.stop();
  return { run: { ...run, watch }, secrets, opened, passphrase };
}

describe('a run', () => {
  test('shows its secrets to no child, and writes them nowhere', async () => {
    const { run, secrets, opened, passphrase } = await watchedRun(repository);
    expect(run.code, run.log).toBe(0);
    expect([...run.watch.watcher.commands].join('\n')).toMatch(/nix .*eval/);
    expect(opened.length).toBeGreaterThan(2);
    expectNoLeak(run, [...secrets, ...opened]);
    expect(JSON.stringify(run.result)).not.toContain(passphrase);
    // nothing is left of its own folder
    expect(readdirSync(join(run.dir, 'tmpdir'))).toEqual([]);
  });

  test('has each line of the keys masked before anything else is printed', async () => {
    const { run, secrets, opened } = await watchedRun(repository);
    const lines = run.log.split('\n');
    const masks = lines.filter((line) => line.startsWith('::add-mask::'));
    for (const line of [...opened, ...secrets.slice(0, -Object.keys(decoys).length)])
      expect(masks).toContain(`::add-mask::${line}`);
    expect(lines.slice(0, masks.length)).toEqual(masks);
  });

  test('that fails leaks nothing either, though Nix says the secret', async () => {
    const { run, secrets, opened } = await watchedRun(repository, failing);
    expect(run.result.failure).toMatchObject({ kind: 'nix', phase: 'preflight' });
    expect([...run.watch.watcher.commands].join('\n')).toMatch(/nix .*eval/);
    expect(run.log).toContain('error: ***');
    expectNoLeak(run, [...secrets, ...opened]);
  });
});

test('a trace has no secret either, be it shown as a whole or not', async () => {
  for (const showTrace of ['true', 'false']) {
    const { run, secrets, opened } = await watchedRun(repository, (passphrase) => ({
      ...tracing(passphrase),
      'show-trace': showTrace,
    }));
    expect(run.result.failure).toMatchObject({ kind: 'nix', phase: 'preflight' });
    if (showTrace === 'true') expect(run.log).toContain('while evaluating ***');
    expectNoLeak(run, [...secrets, ...opened]);
  }
});

/** One that says it on the way to the error. */
function tracing(passphrase: string): Record<string, string> {
  const parts = passphrase.split('-').map((part) => `"${part}"`);
  const said = `"while evaluating " + ${parts.join(' + "-" + ')}`;
  const step = `builtins.addErrorContext (${said}) (throw "no such disk")`;
  return { flake: `${makeFlake(`{ nixosConfigurations = ${step}; }`)}#demo` };
}

/** A flake that says the secret when it is evaluated, but is not a file with it. */
function failing(passphrase: string): Record<string, string> {
  const parts = passphrase.split('-').map((part) => `"${part}"`);
  return { flake: `${makeFlake(`{ nixosConfigurations = throw (${parts.join(' + "-" + ')}); }`)}#demo` };
}

describe('the controls', () => {
  /** A copy of the action in which a function of this first line does something else. */
  function patchedAction(first: RegExp, body: string): string {
    const folder = temporaryFolder('leaky');
    mkdirSync(join(folder, 'dist'));
    cpSync(join(repository, 'action.yml'), join(folder, 'action.yml'));
    const bundle = readFileSync(join(repository, 'dist/index.js'), 'utf8');
    const patched = bundle.replace(first, (head: string) => `${head} ${body}`);
    expect(patched).not.toBe(bundle);
    writeFileSync(join(folder, 'dist/index.js'), patched);
    return folder;
  }

  test('without the filter the watcher sees the keys and the runner’s secrets', async () => {
    const action = patchedAction(
      /^function childEnvironment\(environment, secrets\) \{$/m,
      'return environment;',
    );
    const { run, secrets } = await watchedRun(action);
    expect(run.code, run.log).toBe(0);
    const { sightings } = run.watch.watcher;
    const found = new Set(sightings.map((sighting) => sighting.found));
    for (const secret of [...secrets, 'INPUT_', ...Object.keys(decoys)]) expect(found).toContain(secret);
    expect(new Set(sightings.map(({ where }) => where))).toEqual(new Set(['environment']));
    expect((await failure(Promise.resolve().then(() => expectNoLeak(run, secrets)))).message).toContain(
      'processes with a secret',
    );
  });

  test('without redaction the log has what Nix said', async () => {
    const action = patchedAction(/^ {4}redact\(text\) \{$/m, 'return text;');
    const { run, secrets, passphrase } = await watchedRun(action, failing);
    expect(visible(run.log)).toContain(passphrase);
    expect(run.summary).toContain(passphrase);
    expect((await failure(Promise.resolve().then(() => expectNoLeak(run, secrets)))).message).toContain(
      'secrets in log',
    );
  });

  test('a secret in an argument is seen', async () => {
    // what an option says stands in Nix's arguments
    const { run, secrets } = await watchedRun(repository, () => ({
      option: `user-agent-suffix ${decoys.ACTIONS_RUNTIME_TOKEN}`,
    }));
    const found = run.watch.watcher.sightings.filter(({ where }) => where === 'arguments');
    expect(new Set(found.map((sighting) => sighting.found))).toContain(decoys.ACTIONS_RUNTIME_TOKEN);
    await failure(Promise.resolve().then(() => expectNoLeak(run, secrets)));
  });

  test('another vitest, which keeps copies of the sources in the same folder, has none of the secrets there', () => {
    const sources = ['testbed', '__tests__'].map((folder) => join(repository, folder));
    const found = sources.flatMap((folder) => filesWith(folder, Object.values(decoys)));
    expect(found).toEqual([]);
    return Promise.resolve();
  });

  test('a secret in a file is found', () => {
    const folder = temporaryFolder('found');
    mkdirSync(join(folder, 'a/b'), { recursive: true });
    writeFileSync(join(folder, 'a/b/c'), 'something and a needle');
    expect(filesWith(folder, ['needle'])).toEqual([join(folder, 'a/b/c')]);
    expect(filesWith(folder, ['needle'], Date.now() + 1000)).toEqual([]);
    return Promise.resolve();
  });
});
