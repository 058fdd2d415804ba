// A configuration that imports what only the machine can tell, on the first run: there is no such file yet.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureImages, flakeCopy } from '../../testbed/build.mts';
import { CacheService } from '../../testbed/cache-service.mts';
import { emptyRunner, removeRunner } from '../../testbed/empty-runner.mts';
import { Machine } from '../../testbed/machine.mts';
import { cacheFolder } from '../../testbed/paths.mts';
import { phasesOf, runScenario, whoAreYou } from '../e2e/support';

const runner = join(cacheFolder, 'e2e', 'hardware-runner');

describe('a configuration that lacks its hardware report', () => {
  let service: CacheService;

  beforeAll(async () => {
    await ensureImages();
    service = await CacheService.start();
  });
  afterAll(() => {
    service.stop();
    removeRunner(runner);
  });

  it.each([
    ['nixos-facter', 'target', 'facter', 'facter.json', /^qemu\n/],
    // this one does not evaluate without it
    ['nixos-generate-config', 'installer', 'generated', 'hardware-configuration.nix', /^.*virtio_blk.*\n/],
  ] as const)(
    'gets it from %s, and the system is built with it',
    async (backend, snapshot, configuration, file, says) => {
      const folder = flakeCopy(
        join(cacheFolder, 'e2e', `${configuration}-flake`),
        { hostName: configuration },
        { git: true },
      );
      const machine = await Machine.start({ name: configuration, snapshot });
      service.requests.length = 0;
      try {
        const result = await runScenario({
          name: configuration,
          machine,
          inputs: {
            flake: `${folder}#${configuration}`,
            'known-hosts': await machine.hostKeys(),
            'generate-hardware-config': `${backend} ${join(folder, file)}`,
          },
          env: { ...emptyRunner(runner), ...service.environment },
        });
        expect(result.code, result.log).toBe(0);
        expect(result.outputs).toMatchObject({
          outcome: 'installed',
          'target-state': 'booted',
          verified: 'system',
        });
        expect(result.outputs['hardware-config']).toBe(join(folder, file));
        expect(phasesOf(result).map(({ name }) => name)).toContain('hardware-config');
        expect((await whoAreYou(machine)).hostName).toBe(configuration);
        expect((await machine.ssh('cat /run/current-system/hardware')).stdout).toMatch(says);
        expect(readFileSync(join(folder, file), 'utf8')).not.toBe('');
        // though it was built twice where it evaluates without the report
        expect(service.requests.filter(({ what }) => what === 'create')).toHaveLength(1);
        expect(service.requests.filter(({ what }) => what === 'finalize')).toHaveLength(1);
        const status = execFileSync('git', ['status', '--porcelain'], { cwd: folder, encoding: 'utf8' });
        expect(status).toBe(` A ${file}\n`);
      } finally {
        await machine.stop();
      }
    },
  );
});
