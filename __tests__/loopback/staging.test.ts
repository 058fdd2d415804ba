// Bringing the kexec image to the machine: fetched there, or sent from here.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { GuardError } from '../../src/errors';
import { stageKexecImage } from '../../src/phases/kexec-image';
import { atEnd, test, testEach } from '../support/concurrent';
import { contextOf } from '../support/context';
import { expectKnown } from '../support/known-failures';
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

const sha256 = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

async function stage(kexec: string, hidden: readonly string[] = [], pin = '') {
  const sshd = await startMachine({ hidden });
  const runtime = testRuntime();
  const target = targetOf(sshd, runtime);
  const context = await contextOf(sshd, target, runtime, { kexec, 'kexec-sha256': pin });
  const staged = stageKexecImage(context, runtime.signal);
  staged.catch(() => undefined);
  return { target, runtime, staged, progress: context.progress };
}

async function expectStaged({
  target,
  staged,
}: Pick<Awaited<ReturnType<typeof stage>>, 'target' | 'staged'>) {
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
    await expectStaged({ target, staged });
    expect(runtime.log.text.match(/was lost during sending the kexec image/g)).toHaveLength(2);
  });

  test('of the wrong layout: what it holds, and which layout is wanted', async () => {
    const { staged } = await stage(tarball(['installer/run', 'README']));
    const error = await failure(staged);
    expect(error).toBeInstanceOf(GuardError);
    expectKnown('the kexec image has no kexec/run; it holds: ./README ./installer', error);
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

describe('its SHA-256', () => {
  // who fetches: the machine, this process for it, this process a file of its own
  const ways: readonly (readonly [
    string,
    { readonly hidden: readonly string[]; readonly served: boolean },
  ])[] = [
    ['the machine', { hidden: [], served: true }],
    ['this process, since the machine has no curl and wget', { hidden: ['curl', 'wget'], served: true }],
    ['this process, since the machine has no sha256sum', { hidden: ['sha256sum'], served: true }],
    ['nobody, as it is a file here', { hidden: [], served: false }],
  ];

  const addressOf = async (path: string, served: boolean) =>
    served ? `${(await serve(path)).url}/image.tar.gz?token=s3cret` : path;

  // without a pin nothing is fetched twice only to know it
  const tellingWays = ways.filter(([, { hidden }]) => !hidden.includes('sha256sum'));
  testEach(tellingWays)(
    'is told, to be pinned, where it was fetched by %s',
    async (_, { hidden, served }) => {
      const path = goodImage();
      const staging = await stage(await addressOf(path, served), hidden);
      await expectStaged(staging);
      expect(staging.progress.kexecSha256).toBe(sha256(path));
      expect(staging.runtime.log.text).toContain(`set kexec-sha256: ${sha256(path)}`);
    },
  );

  testEach(ways)('is as it was pinned: fetched by %s', async (_, { hidden, served }) => {
    const path = goodImage('-J');
    const staging = await stage(await addressOf(path, served), hidden, sha256(path).toUpperCase());
    await expectStaged(staging);
    expect(staging.progress.kexecSha256).toBe(null);
  });

  testEach(ways)(
    'upstream: the image has no checksum; another one than was pinned, fetched by %s',
    async (_, { hidden, served }) => {
      const path = goodImage();
      const pin = 'ab'.repeat(32);
      const { staged } = await stage(await addressOf(path, served), hidden, pin);
      const error = await failure(staged);
      expect(error).toBeInstanceOf(GuardError);
      expect(error.message).toContain(
        `has the SHA-256 ${sha256(path)}, but kexec-sha256 says ${pin}: nothing of it was started`,
      );
      expect(error.message).not.toContain('s3cret');
    },
  );

  testEach(ways)('says more than that it does not unpack: fetched by %s', async (_, { hidden, served }) => {
    const path = join(temporaryFolder('image'), 'image');
    writeFileSync(path, '<html>not here</html>'.repeat(20_000));
    const { staged } = await stage(await addressOf(path, served), hidden, 'ab'.repeat(32));
    expect((await failure(staged)).message).toContain(`has the SHA-256 ${sha256(path)}`);
  });
});

test('an image is not started unhashed where a hash is asked for: sha256sum fails there', async () => {
  const { url } = await serve(goodImage());
  const sshd = await startMachine();
  const runtime = testRuntime();
  const target = targetOf(sshd, runtime);
  const broken = `printf '#!/bin/sh\\ncat >/dev/null; exit 1\\n' >/run/broken; chmod 755 /run/broken
      mount --bind /run/broken "$(readlink -f "$(command -v sha256sum)")"`;
  await target.run(script(broken), []);
  const context = await contextOf(sshd, target, runtime, {
    kexec: `${url}/image.tar.gz`,
    'kexec-sha256': 'ab'.repeat(32),
  });
  expect((await failure(stageKexecImage(context, runtime.signal))).message).toContain(
    'could not be hashed as a whole, but kexec-sha256 says',
  );
});

describe('a machine without xz', () => {
  test('gets an image from a URL that is fetched and unpacked here', async () => {
    const path = goodImage('-J');
    const { url, requests } = await serve(path);
    const staging = await stage(`${url}/image.tar.gz`, ['xz'], sha256(path));
    await expectStaged(staging);
    expect(requests.map(({ by }) => by)).toEqual(['curl', 'node']);
  });

  test('gets a file that is unpacked here', async () => {
    const path = goodImage('-J', 1 << 20);
    const staging = await stage(path, ['xz']);
    await expectStaged(staging);
    expect(staging.progress.kexecSha256).toBe(sha256(path));
  });

  test('gets none where this runner has no xz either', async () => {
    const sshd = await startMachine({ hidden: ['xz'] });
    const runtime = testRuntime(undefined, { PATH: '/nonexistent' });
    const context = await contextOf(sshd, targetOf(sshd, runtime), runtime, { kexec: goodImage('-J') });
    const error = await failure(stageKexecImage(context, runtime.signal));
    expect(error).toBeInstanceOf(GuardError);
    expect(error.message).toMatch(/^neither the machine nor this runner has xz, which the kexec image /);
    expect(error).toMatchObject({ hint: expect.stringContaining('packed with gzip') });
  });

  test('gets none that is damaged', async () => {
    const path = goodImage('-J', 1 << 20);
    writeFileSync(path, readFileSync(path).subarray(0, -40));
    expect((await failure((await stage(path, ['xz'])).staged)).message).toMatch(
      /the kexec image .* could not be read: xz: .*Unexpected end of input/,
    );
  });
});
