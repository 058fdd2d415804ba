// docs/host-identity.md, carried out: host keys by the real ssh-keygen, secrets by the real age. What sops-nix and agenix do
// with them on the machine is done by age here: they have no packages for this computer.
import { execFileSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bech32 } from '@scure/base';
import { expect } from 'vitest';
import { secretPartOf } from '../../src/ssh/private-key';
import { makeKey } from '../../testbed/sshd.mts';
import type { BundleRun } from '../support/bundle';
import { carryOut, runShell } from '../support/carry-out';
import { test } from '../support/concurrent';
import { blockOf, expectShown } from '../support/documents';
import { type Install, machineToInstall } from '../support/install';
import { distinctLines, expectNoLeak } from '../support/leak';
import { temporaryFolder } from '../support/runtime';
import { filled, stepsOf } from '../support/shown-steps';

const page = 'docs/host-identity.md';
const hostKey = 'etc/ssh/ssh_host_ed25519_key';

/** Runs the step of the page that uses the action. */
function runPage(
  { inputs, store }: Install,
  heading: string,
  expressions: Record<string, string> = {},
): Promise<BundleRun> {
  const env = { NIX_REMOTE: `local?root=${store}` };
  return carryOut(page, heading, { expressions, besides: inputs, env });
}

/** The identity that ssh-to-age, and sops-nix with it, makes of an SSH key: the scalar of RFC 8032, 5.1.5, in bech32. */
function identityOf(privateKey: string): string {
  const seed = secretPartOf(privateKey).subarray(-32);
  const scalar = createHash('sha512').update(seed).digest().subarray(0, 32);
  return bech32.encodeFromBytes('age-secret-key-', scalar).toUpperCase();
}

const encrypt = (text: string, ...recipients: string[]) =>
  execFileSync(
    'age',
    recipients.flatMap((each) => ['--recipient', each]),
    { input: text },
  );
/** As agenix does it with `identity` a host key, and sops-nix with what it has made of one. */
const opens = (secret: Buffer, identity: string) =>
  execFileSync('age', ['--decrypt', '--identity', identity], {
    input: secret,
    encoding: 'utf8',
    stdio: 'pipe',
  });

/** Files with one line each. */
function fileOf(text: string): string {
  const path = join(temporaryFolder('file'), 'file');
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

/** The host key on the new disks opens what was encrypted for what the outputs call it. */
function expectIdentity({ disk }: Install, { outputs }: BundleRun): void {
  const onDisk = join(disk, hostKey);
  const converted = identityOf(readFileSync(onDisk, 'utf8'));
  const recipient = outputs['age-public-keys'] ?? '';
  // age itself says the same of the private half
  expect(execFileSync('age-keygen', ['-y'], { input: converted, encoding: 'utf8' }).trim()).toBe(recipient);
  const text = `secret ${randomUUID()}`;
  expect(opens(encrypt(text, recipient), fileOf(converted))).toBe(text);
  const publicKey = outputs['host-keys']?.match(/ssh-ed25519 \S+/)?.[0] ?? '';
  expect(opens(encrypt(text, publicKey), onDisk)).toBe(text);
  // the page warns of it
  expect(() => opens(encrypt(text, recipient), onDisk)).toThrow('no identity matched any of the recipients');
}

test('a key that was made beforehand is the new system’s, and opens what was encrypted for it', async () => {
  const heading = 'With a key that is made beforehand';
  const byHand = temporaryFolder('by-hand');
  await runShell(blockOf(page, heading, 'sh'), { cwd: byHand, env: {} });
  const key = readFileSync(join(byHand, 'web-1'), 'utf8');
  const publicKey = readFileSync(join(byHand, 'web-1.pub'), 'utf8');
  const secret = encrypt('known before the install', publicKey);
  rmSync(byHand, { recursive: true });
  const install = await machineToInstall();
  const run = await runPage(install, heading, { 'secrets.WEB_1_HOST_KEY': key });
  expect(run.code, run.log).toBe(0);
  expectShown(run.log, 'docs/host-identity.md', 'With a key that is made beforehand');
  expectIdentity(install, run);
  expect(opens(secret, join(install.disk, hostKey))).toBe('known before the install');
  expectNoLeak(run, distinctLines(key), [install.disk]);
});

test('the keys of the system before open what was encrypted for it', async () => {
  const heading = 'With the keys that the machine has';
  const folder = temporaryFolder('before');
  const before = makeKey(join(folder, 'key'));
  const etc = { 'ssh/ssh_host_ed25519_key': before.private, 'ssh/ssh_host_ed25519_key.pub': before.public };
  const install = await machineToInstall('', { etc });
  const run = await runPage(install, heading);
  expect(run.code, run.log).toBe(0);
  expectShown(run.log, 'docs/host-identity.md', 'With the keys that the machine has');
  expectIdentity(install, run);
  expect(opens(encrypt('of before', before.public), join(install.disk, hostKey))).toBe('of before');
});

/** A checkout with a secret for an administrator, and a remote; `gh` notes what it is told. */
async function makeCheckout(admin: string) {
  const [workspace, remote, tools] = ['checkout', 'remote', 'tools'].map((name) => temporaryFolder(name));
  if (workspace === undefined || remote === undefined || tools === undefined) throw new Error('no folder');
  const note = join(tools, 'note');
  writeFileSync(join(tools, 'gh'), `#!/bin/sh\necho "$*" >>${note}\n`, { mode: 0o755 });
  mkdirSync(join(workspace, 'secrets'));
  writeFileSync(join(workspace, 'secrets/admins.pub'), `${admin}\n`);
  writeFileSync(join(workspace, 'secrets/app.age'), encrypt('the app’s', admin));
  await runShell(
    `git init --quiet --bare ${remote}; git init --quiet; git add .
    git -c user.name=t -c user.email=t@example.org commit --quiet --message first
    git remote add origin ${remote}`,
    { cwd: workspace, env: { HOME: tools } },
  );
  return { workspace, remote, tools, note };
}

test('keys that the run has made: a second step encrypts the secrets for them, and asks to have that merged', async () => {
  const heading = 'With keys that the run makes';
  const install = await machineToInstall();
  const run = await runPage(install, heading);
  expect(run.code, run.log).toBe(0);
  expectShown(run.log, 'docs/host-identity.md', 'With keys that the run makes');
  expectIdentity(install, run);

  const admin = execFileSync('age-keygen', { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  const { workspace, remote, tools, note } = await makeCheckout(/public key: (\S+)/.exec(admin)?.[1] ?? '');
  const step = stepsOf(page, heading).at(-1);
  const temp = temporaryFolder('temp');
  const env = filled(step?.env, {
    'secrets.AGE_KEY': admin,
    'github.token': 'token',
    'steps.install.outputs.host-keys': run.outputs['host-keys'] ?? '',
  });
  await runShell(step?.run ?? '', {
    cwd: workspace,
    env: { ...env, RUNNER_TEMP: temp, HOME: tools, GITHUB_RUN_ID: '1', PATH: `${tools}:${process.env.PATH}` },
  });
  const pushed = execFileSync('git', ['-C', remote, 'show', 'host-key-1:secrets/app.age']);
  expect(opens(pushed, join(install.disk, hostKey))).toBe('the app’s');
  expect(opens(pushed, fileOf(admin))).toBe('the app’s');
  expect(readFileSync(note, 'utf8')).toBe('pr create --fill\n');
});
