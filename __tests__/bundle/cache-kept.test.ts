// The cache of the demo, whose entries are there again in its next run.
import { readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { keepEntries, startKept } from '../../testbed/kept-cache.mts';
import { buildRun, derivationsOfFlake, flakeOf } from '../support/cache';
import { atEnd, test } from '../support/concurrent';
import { temporaryFolder } from '../support/runtime';

async function startIn(folder: string) {
  const service = await startKept(folder);
  atEnd(() => service.stop());
  return service;
}

test('what a service has got is there when it is started again', async () => {
  const folder = join(temporaryFolder('kept'), 'cache');
  const flake = flakeOf('1');
  const service = await startIn(folder);
  const first = await buildRun(service, flake);
  expect(first.built).toBe(derivationsOfFlake);
  keepEntries(service, folder);
  const again = await startIn(folder);
  const second = await buildRun(again, flake);
  expect(second.built).toBe(0);
  expect(second.uploaded).toBe(0);
  expect(second.outputs['cache-hit']).toBe('exact');
});

test('the oldest entries go where there are too many, and what was not written as a whole is none', async () => {
  const folder = temporaryFolder('kept');
  const write = (made: number, bytes: number) => {
    const file = join(folder, String(made));
    writeFileSync(file, `${JSON.stringify({ key: 'key', version: '1', made })}\n`);
    truncateSync(file, bytes);
  };
  writeFileSync(join(folder, '5.new'), 'half');
  for (const made of [2, 10]) write(made, 300);
  const service = await startIn(folder);
  expect(service.entries.map(({ made }) => made)).toEqual([2, 10]);
  // as large as all that is kept
  write(2, 500e6);
  service.entries.push({ key: 'new', version: '1', made: 30, bytes: Buffer.from('contents') });
  keepEntries(service, folder);
  expect(readdirSync(folder).sort()).toEqual(['10', '30', '5.new']);
});
