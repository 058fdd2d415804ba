import { describe, expect } from 'vitest';
import { CacheService } from '../../testbed/cache-service.mts';
import { buildRun, derivationsOfFlake, flakeOf } from '../support/cache';
import { atEnd, test } from '../support/concurrent';

describe('the cache', () => {
  test('has the second run build nothing and upload nothing, and the third what has changed', async () => {
    const service = await CacheService.start();
    atEnd(() => service.stop());
    const first = await buildRun(service, flakeOf('1'));
    expect(first.built).toBe(derivationsOfFlake);
    const second = await buildRun(service, flakeOf('1'));
    expect(second.built).toBe(0);
    expect(second.uploaded).toBe(0);
    const third = await buildRun(service, flakeOf('2'));
    expect(third.built).toBe(2);
  });
});
