import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { noCache } from '../../src/cache/run-cache';
import { CancelledError } from '../../src/errors';
import { CleanUp } from '../../src/phases/clean-up';
import type { PhaseContext } from '../../src/phases/context';
import { stageKexecImage } from '../../src/phases/kexec-image';
import { Progress } from '../../src/report/result';
import type { RemoteResult, RunOptions } from '../../src/ssh/running-script';
import { fakeRuntime } from './support';

/** A machine that cannot fetch, and takes what is sent until the sending ends or is given up. */
const target = {
  survivingDrops: <T>(_what: string, work: () => Promise<T>) => work(),
  run: async (script: { name: string }, args: string[], options: RunOptions): Promise<RemoteResult> => {
    const code = script.name === 'stage.sh' && args.length > 0 ? 80 : 0;
    const { stdin, signal } = options;
    if (stdin instanceof Readable) {
      stdin.resume();
      await new Promise<void>((resolve, reject) => {
        stdin.once('end', resolve);
        signal?.addEventListener('abort', () => reject(signal.reason));
      });
    }
    return { code, stdout: 'folder=/root/nixos-anywhere/image\n', errorLines: [] };
  },
};

function stage(
  kexec: object,
  signal = new AbortController().signal,
  runtime = fakeRuntime(),
  ipv6Only = false,
): Promise<string> {
  const context = {
    settings: { kexec: { image: { value: kexec }, sha256: { value: undefined } } },
    runtime,
    cache: noCache,
    target,
    facts: { architecture: 'x86_64', bootId: 'boot', ipv6Only },
    cleanUp: new CleanUp(),
    progress: new Progress(),
  };
  return stageKexecImage(context as unknown as PhaseContext, signal);
}

describe('an image that cannot be read to its end', () => {
  test('because its server breaks off: an error that says so, not the end of this process', async () => {
    const server = createServer((_, response) => {
      response.writeHead(200, { 'content-length': '1000000' });
      response.write(Buffer.alloc(1000), () => setTimeout(() => response.destroy(), 50));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/image.tar.gz`;
    await expect(stage({ kind: 'url', url })).rejects.toThrow(
      /^fetching the kexec image http:\S+ broke off: /,
    );
    server.close();
  });

  test('because the run is cancelled', async () => {
    const server = createServer((_, response) => {
      response.writeHead(200, { 'content-length': '1000000' });
      response.write(Buffer.alloc(1000));
      setTimeout(() => cancel.abort(new CancelledError('cancelled')), 50);
    });
    const cancel = new AbortController();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/image.tar.gz`;
    await expect(stage({ kind: 'url', url }, cancel.signal)).rejects.toThrow('cancelled');
    server.closeAllConnections();
    server.close();
  });

  test('because it is gone from the runner', async () => {
    await expect(stage({ kind: 'path', path: '/nowhere/image.tar.gz' })).rejects.toThrow(
      /^the kexec image \/nowhere\/image.tar.gz could not be read: ENOENT/,
    );
  });
});

test('a token in the address of the image is in no message', async () => {
  const runtime = fakeRuntime();
  const url = 'http://user:s3cret-word@127.0.0.1:9/image.tar.gz?token=s3cret-word';
  const error = await stage({ kind: 'url', url }, undefined, runtime).catch(
    (reason: Error) => reason.message,
  );
  expect(error).toMatch(/^fetching the kexec image http:\/\/127.0.0.1:9\/image.tar.gz failed: /);
  expect(`${error} ${runtime.log.lines.join(' ')}`).not.toContain('s3cret-word');
});

test('upstream: IPv6-only targets are sent to a third-party proxy; a way out by IPv6 alone is not made to wait for GitHub', async () => {
  const asked: string[] = [];
  vi.stubGlobal('fetch', async (url: string) => {
    asked.push(url);
    return new Response('image');
  });
  onTestFinished(() => void vi.unstubAllGlobals());
  const runtime = fakeRuntime();
  await stage({ kind: 'default' }, undefined, runtime, true);
  expect(asked).toEqual([expect.stringMatching(/^https:\/\/github\.com\/nix-community\/nixos-images\//)]);
  expect(runtime.log.lines.join('\n')).not.toContain('the target fetches');
  // another address may have a way in
  await stage({ kind: 'url', url: 'https://github.com.example.org/image' }, undefined, runtime, true);
  expect(runtime.log.lines.join('\n')).toContain('the target fetches');
});
