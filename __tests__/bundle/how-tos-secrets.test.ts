// docs/secrets.md, carried out: the steps of the page with real age, gpg, pass, curl and jq, and stand-ins for what is not
// here (sops, a vault, GitHub's identity tokens). The secrets reach the machine, and are nowhere else.
import { execFileSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect } from 'vitest';
import { nixEnvironment } from '../../testbed/paths.mts';
import type { BundleRun } from '../support/bundle';
import { carryOut, proofsOf, runShell } from '../support/carry-out';
import { atEnd, test } from '../support/concurrent';
import { blockOf, expectShown } from '../support/documents';
import { type Install, machineToInstall } from '../support/install';
import { expectNoLeak, LeakWatch } from '../support/leak';
import { temporaryFolder } from '../support/runtime';
import { filled, stepOf, stepsOf } from '../support/shown-steps';

const page = 'docs/secrets.md';
/** As the page has it; here /tmp is one for all machines. */
const keyPath = '/tmp/disk.key';
const ownKeyPath = '/run/disk.key';

interface Job {
  readonly install: Install;
  readonly dir: string;
  /** The checkout, in which `exec:` commands run. */
  readonly workspace: string;
  readonly temp: string;
}

/** A job with an empty checkout, and a disko script that keeps what it finds as its key. */
async function startJob(): Promise<Job> {
  const install = await machineToInstall('cp /run/disk.key /mnt/disk.key');
  const dir = temporaryFolder('job');
  const [workspace, temp] = [join(dir, 'workspace'), join(dir, 'tmp')];
  for (const folder of [join(workspace, 'secrets'), temp]) mkdirSync(folder, { recursive: true });
  return { install, dir, workspace, temp };
}

/** Runs the step of the page that uses the action, and looks for the secrets. */
async function runPage(
  { install, dir }: Job,
  heading: string,
  secrets: readonly string[],
  env: Record<string, string> = {},
  expressions: Record<string, string> = {},
): Promise<BundleRun> {
  const keys = filled(stepOf(page, heading).with, { ...proofsOf(install.sshd), ...expressions })[
    'disk-encryption-keys'
  ];
  // no child may ask for an identity token
  const watch = new LeakWatch(dir, secrets, ['ACTIONS_ID_TOKEN_REQUEST_']);
  const here = {
    expressions,
    besides: { ...install.inputs, 'disk-encryption-keys': keys?.replace(keyPath, ownKeyPath) ?? '' },
    env: { NIX_REMOTE: `local?root=${install.store}`, ...env },
  };
  const run = await carryOut(page, heading, here, { dir, onStart: watch.onStart, onLine: watch.onLine });
  watch.stop();
  expectNoLeak({ ...run, watch }, secrets, [install.disk]);
  const asOnThePage = (text: string) => text.replaceAll(ownKeyPath, keyPath);
  return { ...run, log: asOnThePage(run.log), errors: run.errors.map(asOnThePage) };
}

/** What disko found as its key. */
const keyOf = ({ install }: Job) => readFileSync(join(install.disk, 'disk.key'), 'utf8');
const shellOf = (heading: string, has: string) =>
  stepsOf(page, heading).find(({ run = '' }) => run.includes(has))?.run ?? '';

test('secrets of the repository reach the machine, and the log says so', async () => {
  const job = await startJob();
  const [key, token] = [`of the disk ${randomUUID()}`, `of the app ${randomUUID()}`];
  const values = { 'secrets.DISK_KEY': key, 'secrets.APP_TOKEN': token };
  const run = await runPage(job, 'From secrets of the repository', [key, token], {}, values);
  expect(run.code, run.log).toBe(0);
  expect(keyOf(job)).toBe(key);
  expect(readFileSync(join(job.install.disk, 'var/lib/app/token'), 'utf8')).toBe(token);
  expectShown(run.log, 'docs/secrets.md', 'From secrets of the repository');
  // one that the repository does not have
  const without = await runPage(
    await startJob(),
    'From secrets of the repository',
    [token],
    {},
    {
      ...values,
      'secrets.DISK_KEY': '',
    },
  );
  expect(`Error: ${without.errors[0]}`).toContain(
    blockOf(page, 'From secrets of the repository', 'text').trim(),
  );
  expect(without.result.failure).toMatchObject({ kind: 'input', phase: null });
});

test('a binary key is decoded by a step before, and arrives byte for byte', async () => {
  const heading = 'A key that is not text';
  const job = await startJob();
  const values = { 'runner.temp': job.temp };
  const without = await runPage(job, heading, [], {}, values);
  expect(`Error: ${without.errors[0]}`).toContain(blockOf(page, heading, 'text').trim());

  const key = Buffer.concat([randomBytes(32), Buffer.from([0, 13, 10])]);
  const env = { RUNNER_TEMP: job.temp, DISK_KEY: key.toString('base64') };
  await runShell(shellOf(heading, 'base64'), { cwd: job.workspace, env });
  const run = await runPage(job, heading, [], {}, values);
  expect(run.code, run.log).toBe(0);
  expect(readFileSync(join(job.install.disk, 'disk.key'))).toEqual(key);
  expectShown(run.log, 'docs/secrets.md', 'A key that is not text');
});

/** Follows the page by hand: makes the identity and the encrypted file. @returns the identity */
async function encryptByAge({ workspace }: Job): Promise<string> {
  await runShell(blockOf(page, 'With age', 'sh'), { cwd: workspace, env: {} });
  const identity = readFileSync(join(workspace, 'age.key'), 'utf8');
  rmSync(join(workspace, 'age.key'));
  return identity;
}

function openByAge({ workspace }: Job, identity: string): string {
  const args = ['--decrypt', '--identity', '-', join(workspace, 'secrets/disk.age')];
  return execFileSync('age', args, { input: identity, encoding: 'utf8' });
}

test('age opens a file of the checkout with an identity from a secret', async () => {
  const job = await startJob();
  const identity = await encryptByAge(job);
  const key = openByAge(job, identity);
  expect(key).toMatch(/^[\w+/]{43}=$/);
  const store = (AGE_KEY: string) =>
    runShell(shellOf('With age', 'age.key'), { cwd: job.workspace, env: { RUNNER_TEMP: job.temp, AGE_KEY } });
  await store(identity);
  const run = await runPage(job, 'With age', [key]);
  expect(run.code, run.log).toBe(0);
  expect(keyOf(job)).toBe(key);
  expectShown(run.log, 'docs/secrets.md', 'With age');

  await store(execFileSync('age-keygen', { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  const refused = await runPage(job, 'With age', [key]);
  expect(`Error: ${refused.errors[0]}`).toContain(blockOf(page, 'With age', 'text').trim());
  expect(refused.result.failure).toMatchObject({ kind: 'input', phase: null });
});

/** In the place of sops: takes what the page gives it, and has age open the file. */
function makeSops({ workspace }: Job): string {
  const folder = temporaryFolder('sops');
  const text = `#!/bin/sh\n[ "$*" = "--decrypt --extract [\\"disk\\"] secrets.yaml" ] || exit 64\nexec age --decrypt --identity "$SOPS_AGE_KEY_FILE" '${workspace}/secrets/disk.age'\n`;
  writeFileSync(join(folder, 'sops'), text, { mode: 0o755 });
  return `${folder}:${nixEnvironment().PATH}`;
}

test('sops is called with the file of its identity', async () => {
  const job = await startJob();
  const identity = await encryptByAge(job);
  const key = openByAge(job, identity);
  const env = { RUNNER_TEMP: job.temp, AGE_KEY: identity };
  await runShell(shellOf('With sops', 'age.key'), { cwd: job.workspace, env });
  const run = await runPage(job, 'With sops', [key], { PATH: makeSops(job) });
  expect(run.code, run.log).toBe(0);
  expect(keyOf(job)).toBe(key);
  expectShown(run.log, 'docs/secrets.md', 'With sops');
});

/** A GPG key in a keyring of its own. */
function makeGpgKey(): string {
  const home = temporaryFolder('gpg');
  const gpg = (...args: string[]) =>
    execFileSync('gpg', ['--homedir', home, '--batch', '--quiet', ...args], { encoding: 'utf8' });
  atEnd(() => void execFileSync('gpgconf', ['--homedir', home, '--kill', 'all']));
  gpg(
    '--passphrase',
    '',
    '--quick-generate-key',
    'installer@example.org',
    'future-default',
    'default',
    'never',
  );
  return gpg('--armor', '--export-secret-keys');
}

test('pass opens the password store of the checkout', async () => {
  const job = await startJob();
  const key = `of the disk ${randomUUID()}`;
  const home = join(job.dir, 'home');
  mkdirSync(home);
  const env = { HOME: home, GPG_KEY: makeGpgKey() };
  atEnd(() => void execFileSync('gpgconf', ['--homedir', join(home, '.gnupg'), '--kill', 'all']));
  await runShell(shellOf('With pass', 'gpg'), { cwd: job.workspace, env });
  const store = { HOME: home, PASSWORD_STORE_DIR: join(job.workspace, 'password-store') };
  const byHand = `pass init installer@example.org && pass insert --multiline web-1/disk <<<"$KEY"`;
  // gpg asks a terminal whether it is to trust a key that was imported
  const trust = `gpg --list-keys --with-colons | sed -n 's/^fpr:*\\([^:]*\\):$/\\1:6:/p' | gpg --batch --quiet --import-ownertrust`;
  await runShell(`${trust} && ${byHand}`, { cwd: job.workspace, env: { ...store, KEY: key } });

  const run = await runPage(job, 'With pass', [key]);
  expect(run.code, run.log).toBe(0);
  expect(keyOf(job)).toBe(key);
  expectShown(run.log, 'docs/secrets.md', 'With pass');

  rmSync(join(job.workspace, 'password-store/web-1'), { recursive: true });
  const refused = await runPage(job, 'With pass', [key]);
  expect(`Error: ${refused.errors[0]}`).toContain(blockOf(page, 'With pass', 'text').trim());
});

/** What GitHub gives a job an identity token by, and a vault that believes it. */
async function startVault(key: string): Promise<string> {
  const jwt = `jwt-${randomUUID()}`;
  const token = `hvs.${randomUUID()}`;
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      const answer = (isRight: boolean, value: unknown) =>
        response.writeHead(isRight ? 200 : 403).end(isRight ? JSON.stringify(value) : '');
      const { url, headers } = request;
      if (url === '/oidc?api=1&audience=vault')
        return answer(headers.authorization === 'bearer the-request-token', { value: jwt });
      if (url === '/v1/auth/jwt/login')
        return answer(JSON.parse(body).jwt === jwt, { auth: { client_token: token } });
      return answer(headers['x-vault-token'] === token, { data: { data: { disk: key } } });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a vault gives the secret to a job that has logged in by its identity', async () => {
  const job = await startJob();
  const key = `of the disk ${randomUUID()}`;
  const VAULT_ADDR = await startVault(key);
  const heading = 'From a vault, by OIDC';
  const printed = await runShell(shellOf(heading, 'jwt='), {
    cwd: job.workspace,
    env: {
      VAULT_ADDR,
      RUNNER_TEMP: job.temp,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'the-request-token',
      ACTIONS_ID_TOKEN_REQUEST_URL: `${VAULT_ADDR}/oidc?api=1`,
    },
  });
  expect(printed).toMatch(/^::add-mask::hvs\.\S+\n$/);
  const run = await runPage(job, heading, [key], { VAULT_ADDR });
  expect(run.code, run.log).toBe(0);
  expect(keyOf(job)).toBe(key);
  expectShown(run.log, 'docs/secrets.md', 'From a vault, by OIDC');
});
