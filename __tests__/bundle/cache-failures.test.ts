// Whatever fails at the cache service is a miss and a line of the log; the run does what it would do without a cache.
import { describe, expect } from 'vitest';
import type { Fault } from '../../testbed/cache-faults.mts';
import { type CacheRequest, CacheService, type CacheServiceOptions } from '../../testbed/cache-service.mts';
import { type BuildRun, buildRun, derivationsOfFlake, flakeOf } from '../support/cache';
import { atEnd, test, testEach } from '../support/concurrent';
import { visible } from '../support/leak';

async function startService(options: CacheServiceOptions = {}): Promise<CacheService> {
  const service = await CacheService.start(options);
  atEnd(() => service.stop());
  return service;
}

/** One in which a run of this version has saved a layer. */
async function filledService(options: CacheServiceOptions = {}): Promise<CacheService> {
  const service = await startService(options);
  expect((await buildRun(service, flakeOf('1'))).built).toBe(derivationsOfFlake);
  return service;
}

function expectBuiltAll(run: BuildRun, service: CacheService): void {
  expect(run.code, run.log).toBe(0);
  expect(run.built, run.log).toBe(derivationsOfFlake);
  expectHarmless(run, service);
}

function expectHarmless(run: BuildRun, { token, signatures }: CacheService): void {
  expect(run.warnings).toEqual([]);
  expect(run.errors).toEqual([]);
  for (const secret of [token, ...signatures]) expect(visible(run.log)).not.toContain(secret);
  expect(run.log).not.toMatch(/set-output|##\[/);
}

const answer = (status: number, msg: string, headers = {}): Fault => ({
  kind: 'answer',
  status,
  body: JSON.stringify({ code: 'failed', msg }),
  headers,
});
const text = (body: string): Fault => ({ kind: 'answer', status: 200, body });

/** What every call can be answered with. */
const answers: readonly (readonly [string, Fault])[] = [
  ['a closed connection', { kind: 'break', bytes: 0 }],
  ['500', answer(500, 'broken')],
  ['503 in HTML', { kind: 'answer', status: 503, body: '<html>\n<h1>Unavailable</h1></html>' }],
  ['no JSON', text('hello')],
  ['null', text('null')],
  ['429', answer(429, 'slow down')],
  ['429 with Retry-After', answer(429, 'slow down', { 'retry-after': '17' })],
  ['a denial', answer(403, 'cache write denied: read only')],
  ['a full quota', answer(403, 'insufficient usage to create it')],
  ['commands to the runner', answer(400, 'x\n::set-output name=a::b\r##[set-output name=a;]b')],
  ['a very long message', answer(400, 'x'.repeat(8 << 20))],
];

describe('a run builds all by itself, and says it in one line, when', () => {
  testEach(answers)('a look-up is answered with %s', async (_, fault) => {
    const service = await filledService();
    service.faults.set('look-up', fault);
    const run = await buildRun(service, flakeOf('1'));
    expectBuiltAll(run, service);
    expect(run.said).toHaveLength(1);
    expect(run.said[0]?.length).toBeLessThan(400);
  });

  test('the service is down', async () => {
    const service = await startService();
    service.stop();
    const run = await buildRun(service, flakeOf('1'));
    expectBuiltAll(run, service);
    expect(run.said).toHaveLength(1);
  });

  test('the service answers with another entry than it was asked for', async () => {
    const service = await filledService();
    service.faults.set('look-up', { kind: 'rename', key: 'somebody/else' });
    const run = await buildRun(service, flakeOf('1'));
    expectBuiltAll(run, service);
    expect(run.said).toEqual(['cache: not used: it answered with another entry']);
  });

  testEach<string, Fault>([
    ['is gone between look-up and download', answer(404, 'BlobNotFound')],
    ['is truncated', { kind: 'break', bytes: 100 }],
  ])('a layer %s', async (_, fault) => {
    const service = await filledService();
    service.faults.set('download', fault);
    const run = await buildRun(service, flakeOf('1'));
    expectBuiltAll(run, service);
    expect(run.said.filter((line) => line.startsWith('cache: passed over: '))).toHaveLength(1);
  });

  testEach<string, (bytes: Buffer) => void>([
    ['is corrupted', (bytes) => bytes.fill(0, 0, bytes.length)],
    ['has another format', (bytes) => bytes.write('nixos-anywhere-action layer 9', bytes.length - 128)],
  ])('a layer %s', async (_, change) => {
    const service = await filledService();
    for (const { bytes } of service.entries) change(bytes);
    const run = await buildRun(service, flakeOf('1'));
    expectBuiltAll(run, service);
    expect(run.said.filter((line) => line.startsWith('cache: passed over: '))).toHaveLength(1);
    // the new layer is found before the bad one
    expect((await buildRun(service, flakeOf('1'))).built).toBe(0);
  });
});

describe('a layer that cannot be saved is one line, when', () => {
  const cases: [string, [CacheRequest['what'], Fault]][] = [
    ...answers.map(([name, fault]): [string, [CacheRequest['what'], Fault]] => [
      `create: ${name}`,
      ['create', fault],
    ]),
    ['create: the entry exists', ['create', answer(409, 'cache entry already exists')]],
    ['upload: 403', ['upload', answer(403, 'no')]],
    [
      'upload: the address in the answer',
      ['upload', { kind: 'answer', status: 400, body: (address) => address }],
    ],
    ['finalize: 500', ['finalize', answer(500, 'no')]],
    ['finalize: refused', ['finalize', text('{"ok":false,"message":"no"}')]],
  ];
  testEach(cases)('%s', async (_, [what, fault]) => {
    const service = await startService();
    service.faults.set(what, fault);
    const run = await buildRun(service, flakeOf('1'));
    expectBuiltAll(run, service);
    expect(run.said.filter((line) => line.startsWith('cache: not saved: '))).toHaveLength(1);
    expect(service.entries).toEqual([]);
  });
});

describe('a run that may not do all', () => {
  testEach([['none'], ['write-only']])('asks for nothing with cache mode %s', async (mode) => {
    const service = await filledService();
    const run = await buildRun(service, flakeOf('1'), {}, { env: { ACTIONS_CACHE_MODE: mode } });
    expectBuiltAll(run, service);
    expect(run.requests).toEqual([]);
    expect(run.said).toEqual([]);
  });

  test('takes from the cache and saves nothing with cache mode read', async () => {
    const service = await filledService();
    const run = await buildRun(service, flakeOf('2'), {}, { env: { ACTIONS_CACHE_MODE: 'read' } });
    expect(run.code).toBe(0);
    expect(run.built).toBe(2);
    expect(run.requests.map(({ what }) => what)).not.toContain('create');
  });
});

test('a layer is taken by the client’s way for Azure’s blobs, and a slow service is waited for', async () => {
  const service = await filledService({ azure: true });
  service.faults.set('look-up', { kind: 'slow', ms: 1500 });
  const run = await buildRun(service, flakeOf('1'));
  expect(run.built, run.log).toBe(0);
  expectHarmless(run, service);
});
