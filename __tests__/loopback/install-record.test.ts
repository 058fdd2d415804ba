// What the install phase records: under which id the machine was installed, and that an install is under way.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { PhaseContext } from '../../src/phases/context';
import { install } from '../../src/phases/install';
import { gatherFacts } from '../../src/plan/facts';
import type { PhaseName } from '../../src/plan/plan';
import { test } from '../support/concurrent';
import { contextOf } from '../support/context';
import { nixFolder, script, startMachine, targetOf } from '../support/machine';
import { failure, temporaryFolder, testRuntime } from '../support/runtime';
import { makeSystem } from '../support/store';

/** Links the profile as nixos-install does. */
const nixosInstall = `
for system; do :; done
mkdir -p /mnt/etc /mnt/nix/var/nix/profiles
touch /mnt/etc/NIXOS
ln -sfn "$system" /mnt/nix/var/nix/profiles/system`;
const record = '/mnt/nix/var/nixos-anywhere/install-id';

/** Installs on a disk that was installed as `old` before and not wiped; what is on it afterwards. */
async function installed(
  inputs: Record<string, string>,
  phases: readonly PhaseName[],
  program: string = nixosInstall,
) {
  const bin = temporaryFolder('bin');
  writeFileSync(join(bin, 'nixos-install'), `#!/bin/sh\nset -eu\n${program}\n`, { mode: 0o755 });
  const path = `${bin}:${nixFolder()}/bin:/usr/bin:/bin`;
  const sshd = await startMachine({ environment: { PATH: path, NIX_CONF_DIR: '/run/nix-conf' } });
  const runtime = testRuntime();
  const target = targetOf(sshd, runtime);
  const on = async (text: string) => (await target.run(script(text), [])).stdout.trim();
  await on(
    `mkdir -p ${record.replace(/\/[^/]*$/, '')}; echo old >${record}; : >/run/nixos-anywhere-installing`,
  );
  const made = await contextOf(sshd, target, runtime, inputs);
  if (made.evaluation.source !== 'configuration') throw new Error('the context has a configuration');
  const context: PhaseContext = {
    ...made,
    plan: { ...made.plan, phases },
    evaluation: {
      ...made.evaluation,
      toplevel: { drvPath: '', outPath: makeSystem('') },
      // of other boot loaders nothing is checked
      bootLoader: other,
    },
  };
  const error = await install(context).then(() => undefined, failureOf);
  return {
    error,
    record: await on(`cat ${record} 2>/dev/null || echo none`),
    state: context.progress.targetState,
    earlierRun: (await gatherFacts(target)).earlierRun,
  };
}

const failureOf = (error: unknown) => failure(Promise.reject(error));
const other = {
  kind: 'other',
  grubDevices: [],
  grubEfi: false,
  efiMountPoint: '',
  entriesMountPoint: '',
  grubBoots: [],
} as const;
const all: readonly PhaseName[] = ['preflight', 'build', 'disko', 'install', 'reboot', 'verify'];

test('the id of the install takes the place of an older one', async () => {
  expect(await installed({ 'install-id': 'new' }, all)).toEqual({
    error: undefined,
    record: 'new',
    state: 'installed',
    earlierRun: true,
  });
});

test('an install without an id leaves no record', async () => {
  expect(await installed({}, all)).toMatchObject({ error: undefined, record: 'none' });
});

test('an install that failed records nothing', async () => {
  const { error, record: found, state } = await installed({ 'install-id': 'new' }, all, 'exit 1');
  expect(error).toMatchObject({ kind: 'remote-command' });
  // an install has begun on the disks that somebody has mounted
  expect({ found, state }).toEqual({ found: 'old', state: 'partitioned' });
});

test('without a reboot the install is over', async () => {
  const phases = all.filter((phase) => phase !== 'reboot' && phase !== 'verify');
  expect(await installed({ 'install-id': 'new' }, phases)).toMatchObject({
    record: 'new',
    earlierRun: false,
  });
});
