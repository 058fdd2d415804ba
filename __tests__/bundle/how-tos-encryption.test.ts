// docs/encryption.md, carried out: the disko configuration of the page is read by Nix, and a real cryptsetup makes of it what
// disko's module would. There is no ZFS here: of it only the key and where it is looked for are compared.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { BundleRun } from '../support/bundle';
import { carryOut } from '../support/carry-out';
import { test } from '../support/concurrent';
import { blockOf, expectShown, expectTroubles } from '../support/documents';
import { type Install, machineToInstall } from '../support/install';
import { stepOf } from '../support/shown-steps';
import { features, nix } from '../support/store';

const page = 'docs/encryption.md';
/** As the page has it; here /tmp is one for all machines. */
const keyPath = '/tmp/disk.key';
const ownKeyPath = '/run/disk.key';

/** What the page's configuration is, as far as it is asked for. */
function readNix(heading: string): unknown {
  const args = ['eval', ...features, '--json', '--expr', blockOf(page, heading, 'nix')];
  return JSON.parse(nix('nix', args));
}

/** Some value of this name in it, wherever it stands. */
function find(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  if (name in value) return (value as Record<string, unknown>)[name];
  return Object.values(value)
    .map((each) => find(each, name))
    .find((found) => found !== undefined);
}

/** What disko's luks.nix makes of the two options, on a file in place of a partition. */
function diskoScript(heading: string): string {
  const configuration = readNix(heading);
  const [password, file] = [find(configuration, 'passwordFile'), find(configuration, 'keyFile')].map(
    (path) => (typeof path === 'string' ? path.replace(keyPath, ownKeyPath) : ''),
  );
  const argument = password === '' ? file : `<(set +x; echo -n "$(cat ${password})"; set -x)`;
  const format = `cryptsetup -q luksFormat /mnt/luks --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file ${argument}`;
  return `truncate -s 32M /mnt/luks\nexec bash -efuc '${format}'`;
}

const opens = ({ disk }: Install, secret: string | Buffer) =>
  spawnSync('cryptsetup', ['open', '--test-passphrase', '--key-file', '-', join(disk, 'luks')], {
    input: secret,
  }).status === 0;

/** Runs the step of the page with this secret, and the words of the page for what is different here. */
async function runPage(
  install: Install,
  heading: string,
  secret: string,
  path = ownKeyPath,
): Promise<BundleRun> {
  expect(stepOf(page, heading).with?.['disk-encryption-keys']).toMatch(new RegExp(`^${keyPath} `));
  const run = await carryOut(page, heading, {
    expressions: { 'secrets.DISK_KEY': secret },
    besides: { ...install.inputs, 'disk-encryption-keys': `${path} env:DISK_KEY` },
    env: { NIX_REMOTE: `local?root=${install.store}`, DISK_KEY: secret },
  });
  return { ...run, log: run.log.replaceAll(ownKeyPath, keyPath) };
}

test('a passphrase opens the disk when it is typed, whatever ends its file', async () => {
  const heading = 'With a passphrase';
  const install = await machineToInstall(diskoScript(heading));
  const run = await runPage(install, heading, 'correct horse\n');
  expect(run.code, run.log).toBe(0);
  expectShown(run.log, 'docs/encryption.md', 'With a passphrase');
  expect(opens(install, 'correct horse')).toBe(true);
  expect(opens(install, 'correct horse\n')).toBe(false);
  expect(run.warnings.join('\n')).toContain('ends in a newline');

  const other = await machineToInstall(diskoScript(heading).replace(ownKeyPath, '/tmp/other.key'));
  const failed = await runPage(other, heading, 'correct horse');
  expect(failed.code, failed.log).toBe(1);
  expect(failed.outputs['target-state']).toBe('partitioned');
  expectTroubles([failed.log], page, heading);
});

test('a key file counts byte for byte, its newline too, of which there is a warning', async () => {
  const heading = 'With a key file';
  for (const [secret, warned] of [
    ['of 32 random bytes, say', false],
    ['with a newline\n', true],
  ] as const) {
    const install = await machineToInstall(diskoScript(heading));
    const run = await runPage(install, heading, secret);
    expect(run.code, run.log).toBe(0);
    expectShown(run.log, 'docs/encryption.md', 'With a key file');
    expect(opens(install, secret)).toBe(true);
    expect(opens(install, `${secret}\n`)).toBe(false);
    expect(opens(install, secret.slice(0, -1))).toBe(false);
    expect(run.warnings.some((text) => text.includes('ends in a newline'))).toBe(warned);
    if (warned) expectTroubles([run.log], page, heading);
  }
});

test('the passphrase of a ZFS dataset is where its configuration looks for it', async () => {
  const heading = 'ZFS’ own encryption';
  const location = find(readNix(heading), 'keylocation');
  expect(location).toBe(`file://${keyPath}`);
  const install = await machineToInstall(`cp ${ownKeyPath} /mnt/found`);
  const run = await runPage(install, heading, 'correct horse');
  expect(run.code, run.log).toBe(0);
  expectShown(run.log, 'docs/encryption.md', 'ZFS’ own encryption');
  expect(readFileSync(join(install.disk, 'found'), 'utf8')).toBe('correct horse');
});
