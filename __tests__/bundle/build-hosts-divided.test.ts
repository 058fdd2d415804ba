// What one job has built for many hosts that each have much of their own: none downloads what is only for others.
import { expect, vi } from 'vitest';
import { CacheService } from '../../testbed/cache-service.mts';
import { buildRun, flakeWith } from '../support/cache';
import { generateKey } from '../support/cache-attack';
import { atEnd, test } from '../support/concurrent';

// many runs, one after another
vi.setConfig({ testTimeout: 180_000 });

/** Shell text that writes so many MiB of something that compresses well. */
const mebibytes = (count: number, of: string) =>
  `s=${of}123456789abcde; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do s=$s$s; done;
   for i in ${Array.from({ length: count }, (_, n) => n).join(' ')}; do echo $s; done >$out`;

test('large hosts are saved in several layers, of which each own job takes those with its paths', async () => {
  const service = await CacheService.start();
  atEnd(() => service.stop());
  const key = { 'cache-signing-key': generateKey() };
  const names = ['web-1', 'web-2', 'web-3'];
  const flakeOf = (last: string) =>
    flakeWith(
      Object.fromEntries(
        names.map((name, at) => [
          name,
          { shared: 'echo shared >$out', [`large-${at}`]: mebibytes(60, at === 2 ? last : String(at)) },
        ]),
      ),
    );
  const build = (flake: string) => buildRun(service, flake, { flake, hosts: '*', ...key });
  const own = (flake: string, host: string) =>
    buildRun(service, flake, { flake: `${flake}#${host}`, ...key });
  const flake = flakeOf('2');
  const all = await build(flake);
  expect(all.code, all.log).toBe(0);
  expect(all.said.filter((line) => line.includes('saved'))).toEqual([
    // two hosts, the third, and what is of all
    expect.stringContaining('saved 6 paths'),
    expect.stringContaining('saved 3 paths'),
    expect.stringContaining('saved 1 path'),
  ]);
  expect(all.result.cache?.saved).toMatchObject({ paths: 10 });
  for (const host of names) {
    const run = await own(flake, host);
    expect(run, run.log).toMatchObject({ code: 0, built: 0, uploaded: 0 });
    expect(run.result.cache).toMatchObject({ hit: 'exact', restored: { layers: 2, paths: 4 } });
  }
  expect(await build(flake)).toMatchObject({ code: 0, built: 0, uploaded: 0 });

  const changed = flakeOf('z');
  const second = await build(changed);
  expect([second.code, second.built]).toEqual([0, 2]);
  expect(second.said.at(-1)).toContain('saved 2 paths');
  for (const host of names)
    expect(await own(changed, host)).toMatchObject({ code: 0, built: 0, uploaded: 0 });
});
