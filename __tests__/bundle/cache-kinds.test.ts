// The cache in each kind of run that builds: an install on a stand-in for an installer, and a VM test.
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { CacheService } from '../../testbed/cache-service.mts';
import { type BundleRun, buildable, configuration, inputsFor, makeFlake, runBundle } from '../support/bundle';
import { generateKey } from '../support/cache-attack';
import { atEnd, test } from '../support/concurrent';
import { script, startMachine, targetOf } from '../support/machine';
import { temporaryFolder, testRuntime } from '../support/runtime';

async function startService(): Promise<CacheService> {
  const service = await CacheService.start();
  atEnd(() => service.stop());
  return service;
}

const builtIn = ({ log }: BundleRun) =>
  log.split('\n').flatMap((line) => /^::debug::building \S+?-(\S+)\.drv$/.exec(line)?.[1] ?? []);
const takenIn = ({ result }: BundleRun) => result.cache?.restored.paths;
const uploads = (service: CacheService) => service.requests.filter(({ what }) => what === 'upload').length;

/** A flake that can be installed on a stand-in for an installer; returns its path. */
function installableFlake(): string {
  const folder = temporaryFolder('flake');
  mkdirSync(join(folder, 'tools'));
  copyFileSync('/bin/busybox', join(folder, 'tools/busybox'));
  const run = (commands: string) =>
    `derivation { inherit name; allowSubstitutes = false; system = "x86_64-linux"; builder = busybox; args = [ "sh" "-euc" "${commands}" ]; }`;
  const builds = `let
    busybox = builtins.path { name = "tools"; path = ./tools; } + "/busybox";
    script = name: ${run(`printf '#!/bin/sh\\necho run >>/run/disko-runs\\n' >$out; \${busybox} chmod 755 $out`)};
    part = name: ${run('echo part >$out')};
    system = name: ${run(`\${busybox} mkdir $out; \${busybox} cp \${part "part"} $out/part; echo \${part "part"} >$out/needs`)};
  in { toplevel = system "nixos-system-demo"; diskoScript = script "disko"; }`;
  const text = configuration.replace(
    /system\.build = [\s\S]*? in \{[\s\S]*?\};/,
    () => `system.build = ${builds};`,
  );
  writeFileSync(
    join(folder, 'flake.nix'),
    `{ outputs = _: { nixosConfigurations.demo = ${text}; nixosAnywhere.demo = { }; }; }\n`,
  );
  return folder;
}

test('an install: another runner with an empty store builds nothing, and installs what the layer has', async () => {
  const service = await startService();
  const flake = installableFlake();
  // not that which logs in: each machine of this test has another
  const signingKey = generateKey();
  const install = async () => {
    const sshd = await startMachine({ installer: true });
    const run = await runBundle({
      inputs: {
        ...inputsFor(sshd, `${flake}#demo`),
        'cache-signing-key': signingKey,
        plan: 'false',
        phases: 'disko,install',
        'allow-lockout': 'true',
      },
      env: service.environment,
    });
    const shows = 'cat "/mnt$(readlink /mnt/nix/var/nix/profiles/system)/needs"; cat /run/disko-runs';
    const { stdout } = await targetOf(sshd, testRuntime()).run(script(shows), []);
    return { run, stdout };
  };
  const first = await install();
  expect(first.run.code, first.run.log).toBe(0);
  expect(builtIn(first.run).toSorted()).toEqual(['disko', 'nixos-system-demo', 'part']);
  expect(first.run.outputs['cache-hit']).toBe('none');
  expect(uploads(service)).toBe(1);

  const second = await install();
  expect(second.run.code, second.run.log).toBe(0);
  expect(builtIn(second.run)).toEqual([]);
  expect(takenIn(second.run)).toBe(3);
  expect(second.run.outputs).toMatchObject({ outcome: 'installed', 'cache-hit': 'exact' });
  expect(uploads(service)).toBe(1);
  expect(second.stdout).toMatch(/^\/nix\/store\/\S+-part\nrun\n$/);
  expect(second.stdout).toBe(first.stdout);
});

test('an install of what one job has built for many hosts builds nothing', async () => {
  const service = await startService();
  const flake = installableFlake();
  const key = { 'cache-signing-key': generateKey() };
  const all = await runBundle({
    inputs: { flake, 'build-only': 'true', hosts: '*', ...key },
    env: service.environment,
  });
  expect(all.code, all.log).toBe(0);
  expect(builtIn(all).toSorted()).toEqual(['disko', 'nixos-system-demo', 'part']);
  const sshd = await startMachine({ installer: true });
  const run = await runBundle({
    inputs: {
      ...inputsFor(sshd, `${flake}#demo`),
      ...key,
      plan: 'false',
      phases: 'disko,install',
      'allow-lockout': 'true',
    },
    env: service.environment,
  });
  expect(run.code, run.log).toBe(0);
  expect(builtIn(run)).toEqual([]);
  expect(takenIn(run)).toBe(3);
  expect(run.outputs).toMatchObject({ outcome: 'installed', 'cache-hit': 'exact' });
  expect(uploads(service)).toBe(1);
});

test('a VM test: what it needs is kept, but it is run', async () => {
  const service = await startService();
  const installTest = `installTest = let
      needed = derivation { name = "needed"; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" "echo needed >$out" ]; };
    in derivation { name = "vm-test-demo"; system = "x86_64-linux"; builder = "/bin/sh";
      args = [ "-c" "read x <\${needed}; echo the machine boots; echo passed >$out" ]; };`;
  const text = buildable.replace('diskoScript =', () => `${installTest} diskoScript =`);
  const flake = `${makeFlake(`{ nixosConfigurations.demo = ${text}; }`)}#demo`;
  const runTest = () => {
    const dir = temporaryFolder('run');
    expect(existsSync(join(dir, 'store'))).toBe(false);
    return runBundle({ dir, inputs: { flake, 'vm-test': 'true' }, env: service.environment });
  };
  const first = await runTest();
  expect(first.code, first.log).toBe(0);
  expect(builtIn(first).toSorted()).toEqual(['needed', 'vm-test-demo']);
  const second = await runTest();
  expect(second.log).toContain('the machine boots');
  expect(builtIn(second)).toEqual(['vm-test-demo']);
  expect(takenIn(second)).toBe(1);
  expect(uploads(service)).toBe(1);
});
