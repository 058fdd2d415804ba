// More layers than one run may take from. In a file of its own: it is many runs, one after the other.
import { expect, vi } from 'vitest';
import { layerLimits } from '../../src/cache/layer-plan';
import { CacheService } from '../../testbed/cache-service.mts';
import { buildRun, flakeWith } from '../support/cache';
import { atEnd, test } from '../support/concurrent';

// a shared machine takes six seconds for each
vi.setConfig({ testTimeout: 180_000 });

test('many layers are not too many: small ones become one', async () => {
  const service = await CacheService.start();
  atEnd(() => service.stop());
  const versions = Array.from({ length: layerLimits.span }, () => 0);
  const flake = () =>
    flakeWith({
      demo: Object.fromEntries(versions.map((version, n) => [`p${n}`, `echo ${n} ${version} >$out`])),
    });
  // with the system and the disko script
  const all = layerLimits.span + 2;
  const saved: string[] = [];
  await buildRun(service, flake());
  for (const n of versions.keys()) {
    versions[n] = 1;
    const run = await buildRun(service, flake());
    expect(run).toMatchObject({ code: 0, built: 2 });
    saved.push(run.said.at(-1)?.replace(/ \(.*/, '') ?? '');
  }
  // two each, until the next run would have to take what it needs from too many
  expect(saved).toEqual([
    ...Array(layerLimits.span - 1).fill('cache: saved 2 paths'),
    `cache: saved ${all} paths`,
  ]);
  const last = await buildRun(service, flake());
  expect(last).toMatchObject({ code: 0, built: 0, uploaded: 0 });
  expect(last.said).toEqual([expect.stringContaining(`exact hit, ${all} paths taken, 1 layer downloaded`)]);
});
