import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { imageKey, newImageKey } from '../../src/cache/keys';
import type { CacheService } from '../../src/cache/service';
import { type PendingUpload, Uploads } from '../../src/cache/uploads';
import { systemClock } from '../../src/runtime';
import { fakeRuntime } from './support';

/** A service that ends each upload when it is told to, or by the signal. */
function uploadsTo() {
  const ends = new Map<string, (error?: Error) => void>();
  const service: CacheService = {
    writable: true,
    find: async () => undefined,
    store: (key, _file, signal) =>
      new Promise((resolve, reject) => {
        ends.set(key, (error) => (error === undefined ? resolve() : reject(error)));
        signal.addEventListener('abort', () => reject(signal.reason));
      }),
  };
  const left: string[][] = [];
  const uploads = new Uploads(service, (all) => left.push(all.map(({ key }) => key)), {
    ...fakeRuntime(),
    clock: systemClock,
  });
  const begin = (key: string) => {
    const folder = mkdtempSync(join(tmpdir(), 'upload-'));
    const upload: PendingUpload = { key, file: join(folder, 'file'), folder };
    const said: (string | undefined)[] = [];
    return { folder, said, done: uploads.begin(upload, (reason) => said.push(reason)) };
  };
  return { uploads, begin, left, end: (key: string, error?: Error) => ends.get(key)?.(error) };
}

describe('uploads', () => {
  test('a layer and an image at once: what has ended is left to nobody, with its folder', async () => {
    const { uploads, begin, left, end } = uploadsTo();
    const layer = begin('layer');
    const image = begin('image');
    expect(left.at(-1)).toEqual(['layer', 'image']);
    end('layer');
    await layer.done;
    expect(left.at(-1)).toEqual(['image']);
    end('image', new Error('429\nmore'));
    await uploads.finish(1000);
    expect(left.at(-1)).toEqual([]);
    expect([layer.said, image.said]).toEqual([[undefined], ['429']]);
    expect([layer.folder, image.folder].map((folder) => existsSync(folder))).toEqual([false, false]);
  });

  test('what takes too long is left to the post step, with what it needs', async () => {
    const { uploads, begin, left, end } = uploadsTo();
    const layer = begin('layer');
    const image = begin('image');
    end('layer');
    await layer.done;
    await uploads.finish(10);
    await image.done;
    expect(left.at(-1)).toEqual(['image']);
    expect(image.said).toEqual([]);
    expect(existsSync(image.folder)).toBe(true);
  });
});

test('the key of an image is the same for jobs of an hour, and never what is looked up', () => {
  const sha256 = 'a'.repeat(64);
  const hour = 3_600_000;
  const keys = [0, hour - 1, hour].map((now) => newImageKey('p', sha256, 5 * hour + now));
  expect(keys[0]).toBe(keys[1]);
  expect(keys[2]).not.toBe(keys[0]);
  const prefix = imageKey('p', sha256);
  expect(keys.every((key) => key.startsWith(prefix) && key !== prefix)).toBe(true);
});
