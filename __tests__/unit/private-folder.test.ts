import { mkdirSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { folderForSocket, withPrivateFolder } from '../../src/private-folder';

const made: string[] = [];
afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A folder whose path has that many bytes. */
function folderOfLength(bytes: number): string {
  const begin = `/tmp/test-${process.pid}-`;
  const folder = begin + 'x'.repeat(bytes - begin.length);
  mkdirSync(folder);
  made.push(folder);
  return folder;
}

async function listen(path: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  await new Promise((resolve) => server.close(resolve));
}

describe('folderForSocket', () => {
  // macOS gives each user a TMPDIR like this one
  test('lies in the usual folder as long as macOS takes the socket’s path', async () => {
    const usual = folderOfLength('/var/folders/zz/zyxvpxvq6csfxvn_n0000000000000/T'.length);
    const folder = await folderForSocket('store.sock', usual);
    made.push(folder);
    expect(dirname(folder)).toBe(usual);
    expect(join(folder, 'store.sock').length).toBeLessThan(100);
  });

  test('lies in /tmp where the usual folder’s path is too long, and a socket fits in', async () => {
    const usual = folderOfLength(90);
    const folder = await folderForSocket('store.sock', usual);
    made.push(folder);
    expect(dirname(folder)).toBe('/tmp');
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    await listen(join(folder, 'store.sock'));
    // the control: even Linux refuses the path that was avoided
    await expect(listen(join(usual, 'nab-XXXXXX', 'store.sock'))).rejects.toThrow(/EINVAL|ENAMETOOLONG/);
  });
});

describe('withPrivateFolder', () => {
  test('is for this user alone, and gone afterwards', async () => {
    const folder = await withPrivateFolder(async (path) => {
      expect(statSync(path).mode & 0o777).toBe(0o700);
      return path;
    });
    expect(() => statSync(folder)).toThrow(/ENOENT/);
  });
});
