import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { CacheService } from '../../testbed/cache-service.mts';
import { type BuildRun, buildRun, derivationsOfFlake, flakeOf } from '../support/cache';
import { atEnd, test } from '../support/concurrent';
import { temporaryFolder } from '../support/runtime';

/** The names of what Nix said that it builds, or copies from a layer into the runner's store. */
const namesIn = ({ log }: BuildRun, does: 'building' | 'copying') =>
  log
    .split('\n')
    .flatMap(
      (line) =>
        new RegExp(`^(?:::debug::)?${does} /nix/store/\\w{32}-(\\S+?)(?:\\.drv)?$`).exec(line)?.[1] ?? [],
    )
    .toSorted();

/** With a store that nobody has used. */
async function runOnNewRunner(service: CacheService, version: string): Promise<BuildRun> {
  const dir = temporaryFolder('runner');
  expect(readdirSync(dir)).toEqual([]);
  const run = await buildRun(service, flakeOf(version), {}, { dir });
  expect(run.code, run.log).toBe(0);
  expect(existsSync(join(dir, 'store', run.outputs['system-path'] ?? '?'))).toBe(true);
  return run;
}

describe('the cache', () => {
  test('has the second run build nothing and upload nothing, and the third what has changed', async () => {
    const service = await CacheService.start();
    atEnd(() => service.stop());
    const first = await runOnNewRunner(service, '1');
    expect(first.built).toBe(derivationsOfFlake);
    expect(namesIn(first, 'copying')).toEqual([]);
    expect(first.result.cache).toMatchObject({ hit: 'none', saved: { paths: derivationsOfFlake } });

    const second = await runOnNewRunner(service, '1');
    expect([second.built, second.uploaded]).toEqual([0, 0]);
    // the tool is for those who build
    const copied = ['disko', 'nixos-system-demo', 'other', 'package'];
    expect(namesIn(second, 'copying')).toEqual(copied);
    expect(second.result.cache).toMatchObject({
      hit: 'exact',
      restored: { layers: 1, paths: copied.length },
    });
    expect(second.outputs['cache-hit']).toBe('exact');

    const third = await runOnNewRunner(service, '2');
    expect(namesIn(third, 'building')).toEqual(['nixos-system-demo', 'package']);
    expect(namesIn(third, 'copying')).toEqual(['disko', 'other', 'tool']);
    expect(third.result.cache).toMatchObject({ hit: 'partial', saved: { paths: 2 } });
    expect(third.requests.filter(({ what }) => what === 'create')).toHaveLength(1);
  });
});
