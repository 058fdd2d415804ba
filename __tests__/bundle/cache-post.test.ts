// What the main step could not save is saved by the post step, and nothing of it stays on the runner.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { runAction } from '../../testbed/action.mts';
import { CacheService } from '../../testbed/cache-service.mts';
import { buildRun, flakeOf } from '../support/cache';
import { atEnd, test } from '../support/concurrent';
import { temporaryFolder, until } from '../support/runtime';

/** A run that is cancelled while its upload hangs. */
async function cancelledRun() {
  const service = await CacheService.start();
  atEnd(() => service.stop());
  service.faults.set('upload', { kind: 'hang' });
  const cancel = new AbortController();
  const dir = temporaryFolder('run');
  const run = buildRun(service, flakeOf('1'), {}, { dir, signal: cancel.signal });
  await until('the upload', () => service.requests.some(({ what }) => what === 'create'), 40_000);
  cancel.abort();
  return { service, dir, main: await run };
}

const layersIn = (dir: string) =>
  readdirSync(join(dir, 'tmp')).filter((name) => name.startsWith('nixos-anywhere-layer-'));

const visibleIn = (log: string) =>
  log.split('\n').filter((line) => line !== '' && !line.startsWith('::debug::'));

describe('the post step', () => {
  test('saves the layer of a run that was cancelled, which a next run hits', async () => {
    const { service, dir, main } = await cancelledRun();
    expect(layersIn(dir)).toHaveLength(1);
    service.faults.clear();
    const post = await runAction({ inputs: {}, dir, state: main.state, env: service.environment });
    expect(post.code, post.log).toBe(0);
    expect(visibleIn(post.log)).toEqual(['cache: saved what the main step could not']);
    expect(layersIn(dir)).toEqual([]);
    expect((await buildRun(service, flakeOf('1'))).built).toBe(0);
  });

  test('says one line where the service is down, and has nothing left either', async () => {
    const { service, dir, main } = await cancelledRun();
    service.stop();
    const post = await runAction({ inputs: {}, dir, state: main.state, env: service.environment });
    expect(post.code, post.log).toBe(0);
    expect(visibleIn(post.log)).toEqual([expect.stringMatching(/^cache: not saved: ./)]);
    expect(layersIn(dir)).toEqual([]);
  });

  test('with nothing to do says nothing', async () => {
    const post = await runAction({ inputs: {}, dir: temporaryFolder('run'), state: { post: 'true' } });
    expect([post.code, post.log]).toEqual([0, '']);
  });
});
