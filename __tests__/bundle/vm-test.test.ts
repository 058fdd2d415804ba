// VM tests, as far as they go without a virtual machine: what is built is real, what it does is not.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { nixEnvironment } from '../../testbed/paths.mts';
import { buildable, configuration, makeFlake, runBundle } from '../support/bundle';
import { atEnd, test } from '../support/concurrent';
import { expectShown, expectTroubles } from '../support/documents';
import { temporaryFolder, until } from '../support/runtime';

/** @param script what the test does, in a shell without programs */
function flakeOf(script: string, attributes = ''): string {
  const installTest = `installTest = derivation { name = "vm-test-demo"; system = "x86_64-linux"; builder = "/bin/sh"; ${attributes}
    text = ${JSON.stringify(script)}; args = [ "-c" "eval \\"$text\\"" ]; };`;
  const text = buildable.replace('diskoScript =', `${installTest} diskoScript =`);
  return `${makeFlake(`{ nixosConfigurations.demo = ${text}; }`)}#demo`;
}

const passing = 'echo the machine boots; echo passed >$out';

test('a test that passes: its log is shown, the outcome is tested, and it is not run again', async () => {
  const flake = flakeOf(passing);
  const dir = temporaryFolder('run');
  const inputs = {
    flake,
    'vm-test': 'true',
    'target-host': 'x y',
    'ssh-private-key': 'not-a-key-but-secret',
  };
  const run = await runBundle({ inputs, dir });
  expect(run.code, run.log).toBe(0);
  expect(run.outputs).toMatchObject({ outcome: 'tested', 'system-path': '', 'target-state': 'untouched' });
  expect(run.log).toMatch(
    /::group::vm-test\n(?:.*\n)*nix> the machine boots\n(?:.*\n)*the VM test passed in/,
  );
  expect(run.result).toMatchObject({
    target: '',
    failure: null,
    plan: { online: null, offline: { diskoScript: null, vmTest: expect.stringMatching(/-vm-test-demo$/) } },
  });
  expect(run.result.phases.map(({ name }) => name)).toEqual(['preflight', 'vm-test']);
  expectShown(run.log, 'docs/configuration.md', 'VM tests');
  expect(run.summary).toContain('✅ VM test passed: <code>demo</code>');
  expect(existsSync(join(dir, 'store', run.result.plan?.offline.vmTest ?? '?'))).toBe(true);

  const again = await runBundle({ inputs, dir });
  expect(again.outputs.outcome).toBe('tested');
  expect(again.log).toContain('the VM test has passed before');
  expect(again.log).not.toContain('the machine boots');
});

test('a test that fails: the last lines are in the annotation’s company, and in the summary', async () => {
  const run = await runBundle({
    inputs: { flake: flakeOf('echo it does not boot >&2; exit 1'), 'vm-test': 'true' },
  });
  expect(run.code).toBe(1);
  expect(run.errors[0]).toMatch(/^the VM test failed: error: builder for '\S+vm-test-demo\.drv' failed/);
  expect(run.result).toMatchObject({
    outcome: 'failed',
    failure: { kind: 'nix', phase: 'vm-test', lastLines: expect.arrayContaining(['it does not boot']) },
  });
  expect(run.log).toContain('last lines> it does not boot');
  expect(run.summary).toContain('❌ VM test failed');
  expect(run.summary).toContain('it does not boot');
});

/** Whether a process runs that has this in its environment. */
function runs(mark: string): boolean {
  const environments = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return environments.some((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(mark);
    } catch {
      return false;
    }
  });
}

/** What hangs in a process that can be found. */
const hangingWith = (mark: string) =>
  `echo waiting for the network; export MARK=${mark}; /bin/sh -c "while :; do read -t 1 x </dev/zero; done"`;

test('a test that hangs is ended with all that it started, and named with its last lines', async () => {
  const mark = randomUUID();
  let ran = false;
  const run = await runBundle({
    inputs: { flake: flakeOf(hangingWith(mark)), 'vm-test': 'true', 'vm-test-timeout': '8s' },
    onLine: (line) => {
      if (line.includes('waiting for the network')) ran ||= runs(mark);
    },
  });
  expect(run.code).toBe(1);
  expect(run.errors[0]).toMatch(/^the VM test did not finish within 8\.0 s\nWhat to do: see in its log/);
  expect(run.result.failure).toMatchObject({
    kind: 'timeout',
    phase: 'vm-test',
    lastLines: ['waiting for the network'],
  });
  expect({ ran, runs: runs(mark) }).toEqual({ ran: true, runs: false });
});

/** A Nix daemon with a store of its own; how its clients find it. */
async function startDaemon(): Promise<Record<string, string>> {
  const folder = temporaryFolder('daemon');
  const socket = join(folder, 'socket');
  const { PATH, NIX_CONFIG } = nixEnvironment();
  const daemon = spawn('nix-daemon', [], {
    env: {
      ...process.env,
      PATH,
      NIX_CONFIG,
      NIX_DAEMON_SOCKET_PATH: socket,
      NIX_REMOTE: `local?root=${join(folder, 'store')}`,
    },
    stdio: 'ignore',
  });
  const ended = new Promise((resolve) => daemon.once('close', resolve));
  atEnd(async () => {
    daemon.kill();
    await ended;
  });
  await until('the daemon’s socket', () => existsSync(socket));
  return { NIX_REMOTE: `unix://${socket}?root=${join(folder, 'store')}` };
}

test('a daemon ends a test that hangs, too', async () => {
  const mark = randomUUID();
  let ran = false;
  const run = await runBundle({
    inputs: { flake: flakeOf(hangingWith(mark)), 'vm-test': 'true', 'vm-test-timeout': '8s' },
    env: await startDaemon(),
    onLine: (line) => {
      if (line.includes('waiting for the network')) ran ||= runs(mark);
    },
  });
  expect(run.result.failure).toMatchObject({ kind: 'timeout', lastLines: ['waiting for the network'] });
  expect(ran).toBe(true);
  await until('the end of the build', () => !runs(mark));
});

test('upstream: no check for KVM; a test that needs it is refused where there is none, another is not asked', async () => {
  const option = 'system-features nixos-test';
  const flake = flakeOf(passing, 'requiredSystemFeatures = [ "kvm" "nixos-test" ];');
  const run = await runBundle({ inputs: { flake, 'vm-test': 'true', option } });
  expect(run.code).toBe(1);
  expect(run.result.failure).toMatchObject({ kind: 'guard', phase: 'vm-test' });
  expect(run.errors[0]).toMatch(
    /^the VM test needs KVM, and (this runner has no \/dev\/kvm|.* may not open \/dev\/kvm|Nix's setting system-features does not have it \(nixos-test\))/,
  );
  expect(run.errors[0]).toContain('99-kvm4all.rules');
  expectTroubles([run.log], 'docs/configuration.md', 'VM tests');
  const other = await runBundle({
    inputs: {
      flake: flakeOf(passing, 'requiredSystemFeatures = [ "nixos-test" ];'),
      'vm-test': 'true',
      option,
    },
  });
  expect(other.code, other.log).toBe(0);
});

test('a test for another architecture is refused as such', async () => {
  const text = buildable.replace(
    'diskoScript =',
    'installTest = derivation { name = "vm-test"; system = "aarch64-linux"; builder = "/bin/sh"; }; diskoScript =',
  );
  const run = await runBundle({
    inputs: { flake: `${makeFlake(`{ nixosConfigurations.demo = ${text}; }`)}#demo`, 'vm-test': 'true' },
  });
  expect(run.errors[0]).toMatch(/^the VM test is for aarch64-linux, and this runner builds for x86_64-linux/);
});

test('a configuration without a test, and inputs that a test leaves out', async () => {
  const flake = `${makeFlake(`{ nixosConfigurations.demo = ${configuration}; }`)}#demo`;
  const run = await runBundle({ inputs: { flake, 'vm-test': 'true' } });
  expect(run.errors[0]).toMatch(
    /has no config\.system\.build\.installTest\nWhat to do: import the disko module/,
  );
  const refused = await runBundle({
    inputs: { flake, 'vm-test': 'true', 'disk-encryption-keys': '/a /b', plan: 'true' },
  });
  expect(refused.errors[0]).toContain('input disk-encryption-keys: cannot be combined with vm-test');
  expect(refused.errors[0]).toContain('input vm-test: cannot be combined with plan');
});
