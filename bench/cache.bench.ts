// What the closure cache costs, against what one might do instead. No time is demanded; memory and bounds are.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CacheClosure, closureEnvironment, makeCacheClosure } from './cache-closure';
import { cacheReport, type Measured } from './cache-table';
import { type CacheSample, measureLayers, measureOther, measureWithout, type WaySamples } from './cache-ways';
import { describeMachine, fromEnvironment } from './machine-facts';
import { writeResults } from './results';

const rounds = fromEnvironment('NIXOS_ANYWHERE_BENCH_ROUNDS', 3);
/** Of the closure; results of another size than 1 are printed and not kept. */
const scale = fromEnvironment('NIXOS_ANYWHERE_BENCH_SCALE', 1);
/** Bytes. */
const mostMemory = { without: 150e6, with: 350e6 };

const measured: Record<Measured, WaySamples[]> = { layers: [], 'one tar': [], 'one entry a path': [] };
const facts = describeMachine(closureEnvironment(''));
let folder = '';
let closure: CacheClosure;
let without: CacheSample;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bench-cache-'));
  closure = makeCacheClosure(folder, scale);
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  if (measured['one entry a path'].length === 0) return;
  const text = cacheReport(closure, measured, without, facts());
  console.log(text);
  if (scale === 1) writeResults('cache.bench.ts', text);
});

test('memory without the cache', async () => {
  without = await measureWithout(closure, join(folder, 'without'));
  expect(without.memory?.main).toBeLessThan(mostMemory.without);
});

test('save and restore', async () => {
  const ways: Record<Measured, (dir: string) => Promise<WaySamples>> = {
    layers: (dir) => measureLayers(closure, dir),
    'one tar': (dir) => measureOther('one tar', closure, dir),
    'one entry a path': (dir) => measureOther('one entry a path', closure, dir),
  };
  // A B C A B C …, so that a machine that is busy for a while slows all ways alike
  for (let round = 0; round < rounds; round++) {
    for (const [way, measure] of Object.entries(ways)) {
      const dir = join(folder, 'round');
      const samples = await measure(dir);
      rmSync(dir, { recursive: true });
      console.log(way, JSON.stringify(samples));
      measured[way as Measured].push(samples);
    }
  }
  for (const { save, restore, changed, there } of measured.layers) {
    for (const { memory } of [save, restore, changed, there].flatMap((sample) => sample ?? []))
      expect(memory?.together).toBeLessThan(mostMemory.with);
    expect([restore?.built, restore?.bytesUp]).toEqual([0, 0]);
    expect(changed?.built).toBe(2);
  }
});
