// Runs that contact no machine: what they need, what they say, and that nothing goes out.
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type PublishedPlan, planDigest } from '../../src/plan/plan';
import { nixEnvironment } from '../../testbed/paths.mts';
import { type BundleRun, buildable, configuration, inputsFor, makeFlake, runBundle } from '../support/bundle';
import { atEnd, test } from '../support/concurrent';
import { startMachine } from '../support/machine';
import { temporaryFolder } from '../support/runtime';

/** With two disks. */
const demo = buildable.replace(
  'disko.devices.disk = { }',
  'disko.devices.disk = { main.device = "/dev/disk/by-id/main"; data = { device = "/dev/disk/by-id/data"; destroy = false; }; }',
);
const flakeOf = (text = demo) => `${makeFlake(`{ nixosConfigurations.demo = ${text}; }`)}#demo`;

/** Has every connection that the action itself tries written down. */
function witness(): { env: Record<string, string>; connections: () => string } {
  const folder = temporaryFolder('witness');
  const file = join(folder, 'connections');
  const hook = join(folder, 'hook.cjs');
  writeFileSync(
    hook,
    `const { appendFileSync } = require('node:fs');
     const note = (what) => appendFileSync(${JSON.stringify(file)}, what + '\\n');
     for (const [object, name] of [[require('node:net').Socket.prototype, 'connect'], [require('node:dns'), 'lookup']]) {
       const original = object[name];
       object[name] = function (...args) { note(name); return original.apply(this, args); };
     }`,
  );
  return {
    env: { NODE_OPTIONS: `--require ${hook}` },
    connections: () => (existsSync(file) ? readFileSync(file, 'utf8') : ''),
  };
}

/** An address that takes connections and never answers. */
async function hangingMachine() {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const inputs = { 'target-host': 'root@127.0.0.1', 'ssh-port': String(address.port) };
  return { inputs, connections: () => connections };
}

/** PATH with Nix and a shell, and no ssh. */
function pathWithoutSsh(): string {
  const folder = temporaryFolder('path');
  const [nixFolder = ''] = nixEnvironment().PATH.split(':');
  for (const name of ['nix', 'nix-daemon', 'nix-store'])
    symlinkSync(join(nixFolder, name), join(folder, name));
  for (const name of ['sh', 'git']) symlinkSync(join('/usr/bin', name), join(folder, name));
  return folder;
}

function expectPlan(run: BundleRun): PublishedPlan {
  const plan = JSON.parse(run.outputs.plan ?? '') as PublishedPlan;
  expect(plan).toEqual(run.result.plan);
  expect(run.outputs['plan-digest']).toBe(planDigest(plan));
  expect(run.result).toMatchObject({ failure: null, target: '', targetState: 'untouched' });
  return plan;
}

test('plan: offline needs a flake and nothing else, and contacts nothing', async () => {
  const { env, connections } = witness();
  const inputs = { flake: flakeOf(), plan: 'offline' };
  const run = await runBundle({ inputs, env: { ...env, PATH: pathWithoutSsh() } });
  expect(run.code, run.log).toBe(0);
  expect(run.errors).toEqual([]);
  expect(run.warnings).toEqual([]);
  expect(run.outputs).toMatchObject({ outcome: 'planned', 'system-path': '', verified: 'none' });
  expect(run.outputs['result-file']).toMatch(/\/nixos-anywhere-demo\.json$/);
  expect(expectPlan(run)).toMatchObject({
    offline: {
      system: 'x86_64-linux',
      hostName: 'demo',
      diskoMode: 'disko',
      disks: [
        { device: '/dev/disk/by-id/data', destroy: false },
        { device: '/dev/disk/by-id/main', destroy: true },
      ],
    },
    online: null,
    work: {
      build: { derivations: 2, names: expect.arrayContaining(['disko', 'nixos-system-demo']) },
      fetch: { paths: 0 },
      closure: null,
    },
  });
  expect(connections()).toBe('');
  expect(run.log).toMatch(/WIPED {5}\/dev\/disk\/by-id\/main/);
  expect(run.log).toMatch(/used {6}\/dev\/disk\/by-id\/data/);
  expect(run.log).toContain('2 derivations to build');
  expect(run.summary).toContain('Planned: <code>demo</code>');
  expect(run.summary).toMatch(/No machine was contacted/);
  expect(run.summary).toMatch(/by-id\/main.*\*\*wiped\*\*: all that is on it will be lost/);
  expect(run.summary).toMatch(/by-id\/data.*used: what is missing is added/);
  expect(run.summary).not.toContain('verified');
});

test('a plan of the machine is seen by the same witness', async () => {
  const { env, connections } = witness();
  const run = await runBundle({ inputs: inputsFor(await startMachine(), flakeOf(configuration)), env });
  expect(run.code, run.log).toBe(0);
  expect(connections()).toContain('connect');
});

test('the with: block of the install may stay: its machine is not contacted, its key not shown', async () => {
  const { inputs: machine, connections } = await hangingMachine();
  const secret = 'not-a-key-but-secret';
  const shared = {
    ...machine,
    'ssh-private-key': secret,
    'known-hosts': 'nonsense',
    kexec: '/nonexistent',
    'on-installed': 'converge',
    'approved-plan': 'sha256:0',
  };
  const flake = flakeOf();
  const run = await runBundle({ inputs: { flake, plan: 'offline', debug: 'true', ...shared } });
  expect(run.code, run.log).toBe(0);
  const other = await runBundle({ inputs: { flake, plan: 'offline' } });
  expect(run.outputs['plan-digest']).toBe(other.outputs['plan-digest']);
  expect(connections()).toBe(0);
  expect(run.log.replaceAll(`::add-mask::${secret}`, '')).not.toContain(secret);
});

test('what the configuration decides changes the digest; what there is to do does not', async () => {
  const flake = flakeOf();
  const dir = temporaryFolder('run');
  const digest = async (inputs: Record<string, string>, where?: string) => {
    const run = await runBundle({
      inputs: { flake, ...inputs },
      ...(where === undefined ? {} : { dir: where }),
    });
    expect(run.code, run.log).toBe(0);
    return run.outputs['plan-digest'];
  };
  const first = await digest({ plan: 'offline' }, dir);
  // fills the store
  expect(await digest({ 'build-only': 'true' }, dir)).toBe(first);
  expect(await digest({ plan: 'offline' }, dir)).toBe(first);
  const others = [{ 'install-id': 'a' }, { phases: 'kexec' }].map((more) =>
    digest({ plan: 'offline', ...more }),
  );
  expect(new Set([first, ...(await Promise.all(others))]).size).toBe(3);
});

test('build-only: true builds system and disko script, and contacts nothing', async () => {
  const { env, connections } = witness();
  const run = await runBundle({ inputs: { flake: flakeOf(), 'build-only': 'true' }, env });
  expect(run.code, run.log).toBe(0);
  expect(run.outputs.outcome).toBe('built');
  const { offline } = expectPlan(run);
  expect(run.outputs['system-path']).toBe(offline.toplevel);
  for (const path of [offline.toplevel, offline.diskoScript])
    expect(existsSync(join(run.dir, 'store', path ?? '?')), path ?? '?').toBe(true);
  expect(JSON.parse(run.outputs.phases ?? '')).toMatchObject([
    { name: 'preflight', outcome: 'success' },
    { name: 'build', outcome: 'success' },
  ]);
  expect(run.summary).toContain('Built, no machine contacted');
  expect(connections()).toBe('');
});

test('upstream lesson: build only what the chosen phases need; without disko the system alone', async () => {
  const without = demo.replace('diskoScript =', 'otherScript =');
  const run = await runBundle({
    inputs: { flake: flakeOf(without), 'build-only': 'true', phases: 'install,reboot' },
  });
  expect(run.code, run.log).toBe(0);
  const { offline } = expectPlan(run);
  expect(offline.diskoScript).toBeNull();
  expect(existsSync(join(run.dir, 'store', offline.toplevel ?? '?'))).toBe(true);
  expect(run.summary).not.toContain('by-id/main');
});

test('a build that fails says so, with the last lines', async () => {
  const broken = demo.replace('echo $name >$out', 'echo it is broken >&2; exit 1');
  const run = await runBundle({ inputs: { flake: flakeOf(broken), 'build-only': 'true' } });
  expect(run.code).toBe(1);
  expect(run.result.failure).toMatchObject({ kind: 'nix', phase: 'build' });
  expect(run.summary).toContain('it is broken');
});

test('plan: true without a key: the error names the plan that needs none', async () => {
  const run = await runBundle({ inputs: { flake: flakeOf(), plan: 'true', 'target-host': 'example.org' } });
  expect(run.code).toBe(1);
  expect(run.errors[0]).toMatch(/input ssh-private-key: is required.*plan: offline needs neither/);
});
