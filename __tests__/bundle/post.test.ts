// The post step as a runner starts it, with what the main step has left to it.
import { expect } from 'vitest';
import { runPost } from '../../testbed/action.mts';
import { type CacheRequest, CacheService } from '../../testbed/cache-service.mts';
import { FaultProxy } from '../../testbed/proxy.mts';
import { buildRun, derivationsOfFlake, flakeOf } from '../support/cache';
import { atEnd, test } from '../support/concurrent';

async function startService(): Promise<CacheService> {
  const service = await CacheService.start();
  atEnd(() => service.stop());
  return service;
}

/** Has something done as soon as the service is asked this. */
function when(service: CacheService, asked: CacheRequest['what'], act: () => void): void {
  const { requests } = service;
  requests.push = (...items) => {
    if (items.some(({ what }) => what === asked)) act();
    return Array.prototype.push.apply(requests, items);
  };
}

test('saves what the main step was cancelled in, and the next run builds nothing', async () => {
  const service = await startService();
  const { hostname: host, port } = new URL(service.url);
  const proxy = await FaultProxy.listen({ host, port: Number(port) });
  atEnd(() => proxy.close());
  const cancel = new AbortController();
  when(service, 'create', () => {
    proxy.blackhole();
    cancel.abort();
  });
  const flake = flakeOf('1');
  const env = { ACTIONS_RESULTS_URL: `http://127.0.0.1:${proxy.port}/` };
  const main = await buildRun(service, flake, {}, { env, signal: cancel.signal });
  expect(main.said).toContain('cache: the upload is left to the post step');
  expect(main.built).toBe(derivationsOfFlake);
  expect(service.entries).toEqual([]);
  const post = await runPost({ inputs: {}, env: service.environment, dir: main.dir }, main);
  expect(post.code).toBe(0);
  expect(post.log).toContain('cache: saved what the main step could not');
  expect(service.entries).toHaveLength(1);
  const next = await buildRun(service, flake);
  expect(next.outputs['cache-hit']).toBe('exact');
  expect(next.built).toBe(0);
  expect(next.uploaded).toBe(0);
});

test('asks nothing where nothing is left, and is never taken for the main step', async () => {
  const service = await startService();
  const main = await buildRun(service, flakeOf('1'));
  const before = service.requests.length;
  const post = await runPost({ inputs: {}, env: service.environment, dir: main.dir }, main);
  expect(post).toMatchObject({ code: 0, log: '', outputs: {}, summary: '' });
  expect(service.requests.slice(before)).toEqual([]);
});
