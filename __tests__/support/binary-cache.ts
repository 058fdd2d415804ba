// A binary cache over HTTP that asks for a password: a real one, made by Nix, of a path that is taken from this store.
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { atEnd } from './concurrent';
import { temporaryFolder } from './runtime';
import { features, nix } from './store';

export interface BinaryCache {
  readonly url: string;
  readonly publicKey: string;
  /** Those that were answered, and those that were not for want of the password. */
  readonly answered: string[];
  readonly refused: string[];
}

/** @param credentials `user:password` */
export async function serveBinaryCache(path: string, credentials: string): Promise<BinaryCache> {
  const folder = temporaryFolder('cache');
  const key = join(folder, 'key');
  const secretKey = nix('nix', ['key', 'generate-secret', ...features, '--key-name', 'test-1']);
  writeFileSync(key, secretKey);
  const copy = ['copy', ...features, '--to', `file://${folder}?compression=none&secret-key=${key}`, path];
  nix('nix', copy);
  const publicKey = nix('sh', [
    '-c',
    `nix key convert-secret-to-public ${features.slice(0, 1).join(' ')} nix-command <${key}`,
  ]);
  const expected = `Basic ${Buffer.from(credentials).toString('base64')}`;
  const answered: string[] = [];
  const refused: string[] = [];
  const server = createServer((request, response) => {
    const asked = request.url ?? '';
    if (request.headers.authorization !== expected) {
      refused.push(asked);
      response.writeHead(401).end();
      return;
    }
    answered.push(asked);
    try {
      response.end(readFileSync(join(folder, decodeURIComponent(asked))));
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, publicKey, answered, refused };
}
