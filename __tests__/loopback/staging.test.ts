// Bringing the kexec image to the machine: fetched there, or sent from here.
import { execFileSync } from 'node:child_process';
import { createReadStream, mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { GuardError } from '../../src/errors';
import { stageKexecImage } from '../../src/phases/kexec-image';
import { hintFor } from '../../src/report/hints';
import { atEnd, test, testEach } from '../support/concurrent';
import { contextOf } from '../support/context';
import { script, startMachine, startProxy, targetOf } from '../support/machine';
import { failure, temporaryFolder, testRuntime, until } from '../support/runtime';

const parts = ['run', 'kexec', 'ip', 'bzImage', 'initrd'];

/** A tarball; each of its files holds its own name and some ballast. */
function tarball(files: readonly string[], option = '-z', ballast = 0): string {
  const folder = temporaryFolder('image');
  for (const file of files) {
    mkdirSync(join(folder, 'tree', file, '..'), { recursive: true });
    writeFileSync(join(folder, 'tree', file), Buffer.concat([Buffer.from(file), Buffer.alloc(ballast)]));
  }
  const path = join(folder, 'image.tar');
  execFileSync('tar', ['-c', option, '-f', path, '-C', join(folder, 'tree'), '.']);
  return path;
}

const goodImage = (option?: string, ballast?: number) =>
  tarball(
    parts.map((part) => `kexec/${part}`),
    option,
    ballast,
  );

/** Serves a file under /image.tar.gz, and remembers who asked how. */
async function serve(path: string) {
  const requests: { url: string | undefined; by: string }[] = [];
  const server = createServer((request: IncomingMessage, response) => {
    requests.push({ url: request.url, by: (request.headers['user-agent'] ?? '').split('/')[0] ?? '' });
    if (!request.url?.startsWith('/image.tar.gz')) {
      response.writeHead(404).end('no such thing here');
      return;
    }
    createReadStream(path).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { url: `http://127.0.0.1:${address.port}`, requests };
}

async function stage(kexec: string, hidden: readonly string[] = []) {
  const sshd = await startMachine({ hidden });
  const runtime = testRuntime();
  const target = targetOf(sshd, runtime);
  const context = await contextOf(sshd, target, runtime, { kexec });
  const staged = stageKexecImage(context, runtime.signal);
  staged.catch(() => undefined);
  return { target, runtime, staged };
}

async function expectStaged({ target, staged }: Awaited<ReturnType<typeof stage>>) {
  const folder = await staged;
  expect(folder).toBe('/root/nixos-anywhere/image');
  const { stdout } = await target.run(
    script('cd "$1" && stat -c %a .. && for file in kexec/*; do head -c 6 "$file"; echo " $file"; done'),
    [folder],
  );
  const listed = parts.map((part) => `${`kexec/${part}`.slice(0, 6)} kexec/${part}`).sort();
  const [mode, ...files] = stdout.trim().split('\n');
  expect({ mode, files: files.sort() }).toEqual({ mode: '700', files: listed });
}

describe('from a URL', () => {
  testEach([
    ['curl', { hidden: ['wget'], by: 'curl' }],
    ['wget', { hidden: ['curl'], by: 'Wget' }],
  ])('with %s there', async (_, { hidden, by }) => {
    const { url, requests } = await serve(goodImage());
    const query = "/image.tar.gz?token=a%20b&x='$(id)'";
    await expectStaged(await stage(`${url}${query}`, hidden));
    expect(requests).toEqual([{ url: query, by }]);
  });

  test('with neither there: fetched here and sent on', async () => {
    const { url, requests } = await serve(goodImage());
    const staging = await stage(`${url}/image.tar.gz?a=b`, ['curl', 'wget']);
    await expectStaged(staging);
    expect(requests).toEqual([{ url: '/image.tar.gz?a=b', by: 'node' }]);
    expect(staging.runtime.log.text).toContain('neither curl nor wget');
  });

  test('that does not exist', async () => {
    const { url, requests } = await serve(goodImage());
    const { staged } = await stage(`${url}/missing.tar.gz`);
    const error = await failure(staged);
    expect(error.message).toContain(`${url}/missing.tar.gz failed: HTTP 404`);
    expect(error).toMatchObject({ hint: 'check the input kexec' });
    // there first, then here
    expect(requests.map(({ by }) => by)).toEqual(['curl', 'node']);
  });

  test('where nobody answers', async () => {
    const { staged } = await stage('http://127.0.0.1:9/image.tar.gz');
    expect((await failure(staged)).message).toContain(
      'fetching the kexec image http://127.0.0.1:9/image.tar.gz failed',
    );
  });
});

describe('from a file here', () => {
  testEach([
    ['gzip', '-z'],
    ['xz', '-J'],
    ['zstd', '--zstd'],
    ['nothing', '--no-same-owner'],
  ])('compressed with %s, told by its contents', async (_, option) => {
    await expectStaged(await stage(goodImage(option)));
  });

  test('of many megabytes, while the connection is closed and while it vanishes', async () => {
    const sshd = await startMachine();
    const proxy = await startProxy(sshd, 25);
    const runtime = testRuntime();
    const target = targetOf(sshd, runtime, { port: proxy.port });
    const context = await contextOf(sshd, target, runtime, { kexec: goodImage('--no-same-owner', 8 << 20) });
    const staged = stageKexecImage(context, runtime.signal);
    const before = proxy.bytesToTarget;
    await until('it is under way', () => proxy.bytesToTarget - before > 6 << 20);
    proxy.cut();
    await until('it is under way again', () => proxy.bytesToTarget - before > 16 << 20);
    proxy.blackhole();
    await expectStaged({ target, runtime, staged });
    expect(runtime.log.text.match(/was lost during sending the kexec image/g)).toHaveLength(2);
  });

  test('of the wrong layout: what it holds, and which layout is wanted', async () => {
    const { staged } = await stage(tarball(['installer/run', 'README']));
    const error = await failure(staged);
    expect(error).toBeInstanceOf(GuardError);
    expect(error.message).toContain('the kexec image has no kexec/run; it holds: ./README ./installer');
    expect(hintFor(error.message)).toContain('nixos-images');
  });

  testEach([
    ['is no tarball', Buffer.alloc(100_000, 'x')],
    ['is empty', Buffer.alloc(0)],
  ])('that %s', async (_, contents) => {
    const path = join(temporaryFolder('image'), 'image');
    writeFileSync(path, contents);
    const { staged } = await stage(path);
    expect((await failure(staged)).message).toContain('the kexec image');
  });
});
