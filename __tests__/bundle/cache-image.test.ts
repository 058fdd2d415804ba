// The kexec image that the runner fetches for a machine that cannot, and the cache that has it then.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { CacheService } from '../../testbed/cache-service.mts';
import { imageThat, inputsFor, makeFlake, runBundle } from '../support/bundle';
import { atEnd, test, testEach } from '../support/concurrent';
import { startMachine } from '../support/machine';
import { temporaryFolder } from '../support/runtime';

const entry = /^nixos-anywhere\/kexec-1\/[0-9a-f]{64}\/\w+$/;

/** An image behind a URL, a service, and runs that bring the image to a machine of their own; it is never that which boots. */
async function situation() {
  const service = await CacheService.start();
  const { environment } = service;
  atEnd(() => service.stop());
  const path = imageThat('exit 1', 300_000);
  const bytes = readFileSync(path);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  let fetched = 0;
  const server = createServer((_, response) => {
    fetched += 1;
    response.end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const down = () => {
    server.closeAllConnections();
    server.close();
  };
  atEnd(down);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/image.tar`;
  const run = async (inputs: Record<string, string> = {}, env = {}, hidden = ['curl', 'wget']) => {
    const sshd = await startMachine({ hidden });
    const dir = temporaryFolder('run');
    const before = fetched;
    const asked = service.requests.length;
    const result = await runBundle({
      dir,
      inputs: {
        ...inputsFor(sshd, `${makeFlake()}#demo`),
        plan: 'false',
        phases: 'kexec',
        kexec: url,
        'kexec-sha256': sha256,
        ...inputs,
      },
      env: { ...environment, ...env },
    });
    return {
      ...result,
      fetched: fetched - before,
      staged: result.log.includes('sent and unpacked http://127.0.0.1'),
      said: result.log.split('\n').filter((line) => /^cache: .*kexec image/.test(line)),
      asked: service.requests.slice(asked),
      left: readdirSync(join(dir, 'tmp')).filter((name) => name.startsWith('nixos-anywhere-image-')),
    };
  };
  return { service, run, down, bytes, sha256, url };
}

test('the first run fetches the image and saves it; the second fetches nothing, even if the URL is down', async () => {
  const { service, run, down, bytes } = await situation();
  const first = await run();
  expect({ fetched: first.fetched, staged: first.staged, left: first.left }, first.log).toEqual({
    fetched: 1,
    staged: true,
    left: [],
  });
  expect(first.result.cache?.image).toEqual({ what: 'saved', bytes: bytes.length });
  expect(service.entries.map(({ key }) => entry.test(key))).toEqual([true]);
  expect(service.entries[0]?.bytes.equals(bytes)).toBe(true);
  down();
  const second = await run();
  expect({ fetched: second.fetched, staged: second.staged, left: second.left }, second.log).toEqual({
    fetched: 0,
    staged: true,
    left: [],
  });
  expect(second.result.cache?.image).toEqual({ what: 'restored', bytes: bytes.length });
  expect(service.entries).toHaveLength(1);
});

describe('an entry that is not the image', () => {
  testEach<string, (bytes: Buffer) => Buffer>([
    ['forged', (bytes) => Buffer.from(bytes).fill(1, 1000, 1001)],
    ['truncated', (bytes) => bytes.subarray(0, 1000)],
    ['empty', () => Buffer.alloc(0)],
  ])('%s: passed over in one line, fetched, and replaced by a newer one', async (_, change) => {
    const { service, run, bytes } = await situation();
    await run({ 'cache-key': 'other' });
    const [saved] = service.entries.splice(0);
    if (saved === undefined) throw new Error('nothing was saved');
    // as it was saved in another hour
    const key = `${saved.key.replace('other/', 'nixos-anywhere/')}0`;
    service.entries.push({ ...saved, key, bytes: change(bytes) });
    const second = await run();
    expect(second).toMatchObject({ fetched: 1, staged: true, left: [] });
    expect(second.said).toHaveLength(2);
    expect(second.said[1]).toMatch(/^cache: saved the kexec image/);
    expect(await run()).toMatchObject({ fetched: 0, staged: true });
  });
});

testEach<string, { inputs?: Record<string, string>; env?: Record<string, string>; hidden?: string[] }>([
  ['with cache: false', { inputs: { cache: 'false' } }],
  ['without kexec-sha256', { inputs: { 'kexec-sha256': '' } }],
  ['by a machine that can fetch it itself', { hidden: [] }],
])('the cache is not asked for the image %s', async (_, { inputs, env, hidden }) => {
  const { run, service } = await situation();
  const { asked, fetched, result } = await run(inputs, env, hidden);
  expect(fetched).toBe(1);
  expect(asked.filter(({ key }) => key.includes('/kexec-1/'))).toEqual([]);
  expect(result.cache?.image ?? null).toBe(null);
  expect(service.entries).toEqual([]);
});

test('a pull request does not save it', async () => {
  const { run, service } = await situation();
  expect(await run({}, { GITHUB_EVENT_NAME: 'pull_request' })).toMatchObject({ fetched: 1, staged: true });
  expect(service.requests.filter(({ what }) => what !== 'look-up')).toEqual([]);
});

test('a service that is down is a line', async () => {
  const { run, service } = await situation();
  service.stop();
  const { said, fetched, staged } = await run();
  expect({ fetched, staged }).toEqual({ fetched: 1, staged: true });
  expect(said).toEqual([expect.stringMatching(/^cache: the kexec image is not taken from it: /)]);
});

test('another image than was pinned is not saved', async () => {
  const { run, service } = await situation();
  const { errors, left } = await run({ 'kexec-sha256': 'f'.repeat(64) });
  expect(errors[0]).toContain('nothing of it was started');
  expect({ left, saved: service.entries }).toEqual({ left: [], saved: [] });
});
