// Layers that build upon others: what one run has saved, another takes and adds to.
import { describe, expect } from 'vitest';
import { CacheService } from '../../testbed/cache-service.mts';
import { buildRun, derivationsOfFlake, flakeOf, flakeWith } from '../support/cache';
import { atEnd, test, testEach } from '../support/concurrent';
import { temporaryFolder } from '../support/runtime';

async function startService(): Promise<CacheService> {
  const service = await CacheService.start();
  atEnd(() => service.stop());
  return service;
}

const whole = { code: 0, built: 0, uploaded: 0 };

describe('a layer that others build upon', () => {
  testEach<string, (service: CacheService) => void>([
    ['is evicted', ({ entries }) => void entries.shift()],
    [
      'is damaged',
      ({ entries }) => {
        const [first] = entries;
        if (first !== undefined) first.bytes = Buffer.concat([Buffer.alloc(40), first.bytes.subarray(40)]);
      },
    ],
  ])('%s: only what it had is built, and saved once more', async (_, harm) => {
    const service = await startService();
    await buildRun(service, flakeOf('1'));
    await buildRun(service, flakeOf('2'));
    harm(service);
    const rebuilt = await buildRun(service, flakeOf('2'));
    // the other package and the disko script
    expect(rebuilt).toMatchObject({ code: 0, built: 2 });
    expect(rebuilt.said).toEqual([
      expect.stringMatching(/^cache: a part of it is missing: a layer is (not there any longer|damaged)/),
      expect.stringContaining('partial hit, 2 paths taken'),
      expect.stringContaining('saved 2 paths'),
    ]);
    expect(await buildRun(service, flakeOf('2'))).toMatchObject(whole);
  });
});

test('the configurations of a flake take from each other, and save only what is their own', async () => {
  const service = await startService();
  const common = { glibc: 'echo glibc >$out', 'odd+name=1?x_y.z': 'echo odd >$out' };
  const flake = flakeWith({ a: { ...common, a: 'echo a >$out' }, b: { ...common, b: 'echo b >$out' } });
  const run = (host: string) => buildRun(service, flake, { flake: `${flake}#${host}` });
  expect(await run('a')).toMatchObject({ code: 0, built: 5 });
  const other = await run('b');
  expect(other).toMatchObject({ code: 0, built: 3 });
  expect(other.said).toEqual([
    expect.stringContaining('partial hit, 2 paths taken, 1 layer downloaded'),
    expect.stringContaining('saved 3 paths'),
  ]);
  for (const host of ['a', 'b']) expect(await run(host)).toMatchObject(whole);
});

test('of a build that fails what was built until then is kept', async () => {
  const service = await startService();
  const good = { good: 'echo good >$out' };
  const failed = await buildRun(service, flakeWith({ demo: { ...good, late: 'read x </nowhere' } }), {
    option: 'max-jobs 1\nkeep-going true',
  });
  expect(failed.code).toBe(1);
  expect(failed.errors[0]).toMatch(/late\.drv/);
  expect(failed.said.at(-1)).toContain('saved 2 paths');
  const mended = await buildRun(service, flakeWith({ demo: { ...good, late: 'echo late >$out' } }));
  expect(mended).toMatchObject({ code: 0, built: 2 });
  expect(mended.said[0]).toContain('partial hit, 2 paths taken');
});

test('a store that has all gives all to a cache that has nothing, and nothing to one that has it', async () => {
  const [first, second] = [await startService(), await startService()];
  const dir = temporaryFolder('warm');
  const run = (service: CacheService) => buildRun(service, flakeOf('1'), {}, { dir });
  expect(await run(first)).toMatchObject({ code: 0, built: derivationsOfFlake });
  expect(await run(first)).toMatchObject(whole);
  const seeded = await run(second);
  expect(seeded).toMatchObject({ code: 0, built: 0 });
  // not the tool, which was not needed
  expect(seeded.said.at(-1)).toContain('saved 4 paths');
  expect(await buildRun(second, flakeOf('1'))).toMatchObject(whole);
});

test('is one source beside those that the inputs name', async () => {
  const service = await startService();
  const given = {
    option: `substituters = file://${temporaryFolder('substituter')}`,
    from: `file://${temporaryFolder('from')}`,
  };
  expect(await buildRun(service, flakeOf('1'), given)).toMatchObject({ code: 0, built: derivationsOfFlake });
  expect(await buildRun(service, flakeOf('1'), given)).toMatchObject(whole);
});
