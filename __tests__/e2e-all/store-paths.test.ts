import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { ensureImages, flakeCopy } from '../../testbed/build.mts';
import { Machine } from '../../testbed/machine.mts';
import { cacheFolder, nixEnvironment } from '../../testbed/paths.mts';
import { runScenario, whoAreYou } from '../e2e/support';

beforeAll(() => ensureImages());

/** Builds what a step before the action would have built. */
function buildElsewhere(folder: string): { system: string; script: string } {
  const flake = `path:${flakeCopy(folder, { hostName: 'host-elsewhere' })}#nixosConfigurations.demo.config.system.build`;
  const build = (attribute: string) =>
    execFileSync(
      'nix',
      [
        'build',
        '--extra-experimental-features',
        'nix-command flakes',
        '--no-link',
        '--print-out-paths',
        `${flake}.${attribute}`,
      ],
      { env: { ...process.env, ...nixEnvironment() }, encoding: 'utf8' },
    ).trim();
  return { system: build('toplevel'), script: build('diskoScript') };
}

it('installs what was built elsewhere, from two store paths', async () => {
  const { system, script } = buildElsewhere(join(cacheFolder, 'e2e', 'elsewhere-flake'));
  const machine = await Machine.start({ name: 'store-paths', snapshot: 'installer' });
  try {
    const result = await runScenario({
      name: 'store-paths',
      machine,
      inputs: {
        flake: '',
        'store-paths': `${system} ${script}`,
        'wipe-disks': '/dev/vda',
        'copy-host-keys': 'true',
      },
    });
    expect(result.code, result.log).toBe(0);
    expect(result.outputs).toMatchObject({
      outcome: 'installed',
      'target-state': 'booted',
      verified: 'system',
      'system-path': system,
    });
    expect(await whoAreYou(machine)).toMatchObject({ hostName: 'host-elsewhere', system });
  } finally {
    await machine.stop();
  }
});
