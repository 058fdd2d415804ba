// What a machine prints may be the secrets that it was given: wherever its lines come to, *** stands for them. And a run that
// tells how far it is tells nothing else.
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { type BundleRun, runBundle } from '../support/bundle';
import { test, testEach } from '../support/concurrent';
import { type Install, machineToInstall } from '../support/install';
import { distinctLines, expectNoLeak, LeakWatch, makeSecretKey, visible } from '../support/leak';
import { script, startProxy, targetOf } from '../support/machine';
import { temporaryFolder, testRuntime } from '../support/runtime';

/** Secrets of each kind, of one run alone. */
function plantedSecrets() {
  const id = randomUUID();
  const key = makeSecretKey();
  const disk = `of the disk ${id}`;
  const others = { token: `token ${id}`, sudo: `for sudo ${id}`, netrc: `cache-${id}` };
  const all = [disk, ...Object.values(others), ...distinctLines(key.private)];
  return { key, disk, ...others, all };
}
type Planted = ReturnType<typeof plantedSecrets>;

const inputsWith = {
  'ssh-private-key': 'env:DEPLOY_KEY',
  'sudo-password': 'env:SUDO_PASSWORD',
  netrc: 'env:NETRC',
  'disk-encryption-keys': '/run/keys/disk env:DISK_KEY',
  'secret-files': '/etc/token mode=0440 env:TOKEN',
};

/** Runs an installation with all of them, and watches it. */
async function watchedRun(
  { inputs, store }: Install,
  { key, disk, token, sudo, netrc, all }: Planted,
  change: { inputs?: Record<string, string>; env?: Record<string, string> },
): Promise<BundleRun & { watch: LeakWatch }> {
  const dir = temporaryFolder('leak');
  const watch = new LeakWatch(dir, all, ['DISK_KEY=', 'TOKEN=', 'SUDO_PASSWORD=', 'NETRC=', 'DEPLOY_KEY=']);
  const run = await runBundle({
    inputs: { ...inputs, ...inputsWith, ...change.inputs },
    env: {
      NIX_REMOTE: `local?root=${store}`,
      DEPLOY_KEY: key.private,
      SUDO_PASSWORD: sudo,
      NETRC: `machine cache.example login me password ${netrc}`,
      DISK_KEY: disk,
      TOKEN: token,
      ...change.env,
    },
    dir,
    onStart: watch.onStart,
    onLine: watch.onLine,
  });
  watch.stop();
  return { ...run, watch };
}

/** Prints the key file, and what lies in /run/said: as it is, with colours within, and where errors go. */
const talkative = `
  echo "the key is $(cat /run/keys/disk)"
  sed 's/^....../&\\x1b[1m/' /run/said
  cat /run/said >&2
  printf '##[error]%s\\n::warning::%s\\n' "$(cat /run/keys/disk)" "$(cat /run/keys/disk)"
  echo "cryptsetup: cannot open with $(cat /run/keys/disk)" >&2
  exit 3`;

describe('a disko script that prints what it was given, and fails,', () => {
  testEach([
    ['says *** everywhere', {}],
    ['says *** everywhere, also where the runner shows what is for debugging', { RUNNER_DEBUG: '1' }],
  ])('%s', async (_, env) => {
    const planted = plantedSecrets();
    const install = await machineToInstall(talkative, { authorizedKeys: [planted.key.public] });
    // as if it knew them all
    const said = Buffer.from(`${planted.all.join('\n')}\n`);
    const login = { privateKey: planted.key.private };
    const observer = targetOf(install.sshd, testRuntime(), { login });
    await observer.run(script('cat >/run/said'), [], { stdin: said });
    const run = await watchedRun(install, planted, { env });
    expect(run.result.failure, run.log).toMatchObject({ kind: 'remote-command', phase: 'disko' });
    expectNoLeak(run, planted.all);
    // it has said them, and more than once
    const told = /cryptsetup: cannot open with \*\*\*$/m;
    const shown = visible(run.log);
    expect(shown).toMatch(/^disko> the key is \*\*\*$/m);
    expect(shown.match(/^disko> \*\*\*$/gm)?.length).toBeGreaterThanOrEqual(2 * planted.all.length);
    expect(shown).toMatch(/^last lines> cryptsetup: cannot open with \*\*\*$/m);
    expect(run.result.failure?.lastLines.join('\n')).toMatch(told);
    expect(run.summary).toMatch(told);
    expect(run.errors).toHaveLength(1);
    for (const secret of planted.all) expect(run.log).toContain(`::add-mask::${secret}\n`);
    // the inputs as they were read, among them the secrets
    expect(/^ {2}secretFiles = /m.test(shown)).toBe(env !== undefined && 'RUNNER_DEBUG' in env);
  });
});

test('extra files over a slow line: lines say how far they are, and no secret', async () => {
  const planted = plantedSecrets();
  const install = await machineToInstall('', { authorizedKeys: [planted.key.public] });
  const proxy = await startProxy(install.sshd, 0, { bytesPerSecond: 300_000 });
  const extra = temporaryFolder('extra');
  mkdirSync(join(extra, 'srv'));
  // lines come after ten seconds
  writeFileSync(join(extra, 'srv/large'), randomBytes(3.6e6));
  writeFileSync(join(extra, 'srv/secret'), planted.token);
  const port = String(proxy.port);
  const line = install.sshd.hostKeyLine('ed25519').replace(`:${install.sshd.port} `, `:${port} `);
  const run = await watchedRun(install, planted, {
    inputs: { 'extra-files': extra, 'ssh-port': port, 'post-kexec-ssh-port': port, 'known-hosts': line },
    env: { RUNNER_DEBUG: '1' },
  });
  expect(run.code, run.log).toBe(0);
  expect(run.log).toMatch(/^copying the extra files for 1\d s: \d\.\d MB of 3\.6 MB, \d+\.\d kB\/s$/m);
  expect(run.log).toMatch(/^copied 2 extra files: 3\.6 MB in \d+\.\d s$/m);
  expectNoLeak(run, planted.all, [extra, install.disk]);
  expect(readFileSync(join(install.disk, 'etc/token'), 'utf8')).toBe(planted.token);
});
