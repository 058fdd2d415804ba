import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { Machine, type Ran, shells } from './scripts';

const files = ['run', 'kexec', 'ip', 'bzImage', 'initrd'];
let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'stage-'));
  mkdirSync(join(dir, 'kexec'));
  for (const name of files) writeFileSync(join(dir, 'kexec', name), `this is ${name}\n`.repeat(5000));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** A tarball of the image, packed by a program. */
function image(packer: string, from = 'kexec'): Buffer {
  return execFileSync('sh', ['-c', `tar -cf - -C "$1" "$2" | ${packer}`, 'sh', dir, from]);
}

const packers = ['gzip', 'xz', 'zstd', 'cat'];

describe.each(shells)('stage.sh under %s', (shell) => {
  let machine: Machine;
  beforeEach(() => {
    machine = new Machine(shell);
  });
  afterEach(() => machine.remove());

  const stage = (input: Uint8Array, setup?: string): Ran =>
    machine.run('stage.sh', [], setup === undefined ? { input } : { input, setup });
  const staged = (name: string) =>
    readFileSync(machine.path(`/root/nixos-anywhere/image/kexec/${name}`), 'utf8');

  test.each(packers)('unpacks what %s packed', (packer) => {
    expect(stage(image(packer))).toMatchObject({
      code: 0,
      stdout: 'folder=/root/nixos-anywhere/image\n',
      stderr: '',
    });
    for (const name of files) expect(staged(name) === `this is ${name}\n`.repeat(5000)).toBe(true);
  });

  test('begins anew when it is done again: an image that was started has grown', () => {
    stage(image('gzip'));
    writeFileSync(machine.path('/root/nixos-anywhere/image/kexec/initrd'), 'grown');
    writeFileSync(machine.path('/root/nixos-anywhere/image/left'), '');
    expect(stage(image('cat')).code).toBe(0);
    expect(staged('initrd').length).toBeGreaterThan(1000);
    expect(existsSync(machine.path('/root/nixos-anywhere/image/left'))).toBe(false);
  });

  test('says that the image is empty, last', () => {
    const { code, stdout, stderr } = stage(Buffer.alloc(0));
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.trim().split('\n').at(-1)).toMatch(/empty/);
  });

  test.each(packers)('refuses what %s packed when it is cut off', (packer) => {
    const whole = image(packer);
    for (const part of [0.2, 0.9]) {
      const { code, stdout, stderr } = stage(whole.subarray(0, whole.length * part));
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr.trim().split('\n').at(-1)).toMatch(/could not be unpacked: .* failed .*KiB free/);
    }
  });

  test.each(['a', 'hello', '<html>404</html>\n', '\u001f\u008b garbage'])('refuses garbage: %j', (text) => {
    const { code, stdout, stderr } = stage(Buffer.from(text, 'latin1'));
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.trim().split('\n').at(-1)).toMatch(/could not be unpacked/);
  });

  test('names what an image of another layout lacks and holds', () => {
    mkdirSync(join(dir, 'other'), { recursive: true });
    writeFileSync(join(dir, 'other/run'), '');
    const { code, stderr } = stage(image('gzip', 'other'));
    expect(code).toBe(81);
    expect(stderr.trim().split('\n').at(-1)).toMatch(/has no kexec\/run; it holds: \.\/other \.\/other\/run/);
  });

  test('goes elsewhere when /root holds no programs, and leaves nothing there', () => {
    const noexec = 'mount -t tmpfs -o noexec,size=4m none /root';
    expect(stage(image('gzip'), noexec)).toMatchObject({
      code: 0,
      stdout: 'folder=/var/tmp/nixos-anywhere/image\n',
    });
    const readOnly = 'mount -o remount,bind,ro /root';
    expect(stage(image('gzip'), readOnly)).toMatchObject({
      code: 0,
      stdout: 'folder=/var/tmp/nixos-anywhere/image\n',
    });
    expect(stage(image('gzip'), 'mount -o remount,bind,noexec /root').stdout).toBe(
      'folder=/var/tmp/nixos-anywhere/image\n',
    );
    expect(readdirSync(machine.path('/root'))).toEqual([]);
  });

  test.each([
    ["another user's folder", 'mkdir /var/tmp/nixos-anywhere; chown -h 1:1 /var/tmp/nixos-anywhere'],
    ['a link', 'mkdir /tmp/elsewhere; ln -s /tmp/elsewhere /var/tmp/nixos-anywhere'],
  ])('%s of this name is not taken for its own', (_, planted) => {
    const { stdout } = stage(image('gzip'), `mount -o remount,bind,ro /root\n${planted}`);
    expect(stdout).toBe('folder=/home/nixos-anywhere/image\n');
    expect(existsSync(machine.path('/tmp/elsewhere/image'))).toBe(false);
    expect(existsSync(machine.path('/var/tmp/nixos-anywhere/image'))).toBe(false);
  });

  test('says so when no folder holds programs', () => {
    const all = ['/root', '/var/tmp', '/home', '/tmp', '/run'].map(
      (path) => `mount -o remount,bind,ro ${path}`,
    );
    const { code, stderr } = stage(image('gzip'), all.join('\n'));
    expect(code).toBe(1);
    expect(stderr).toMatch(/no folder here can hold programs/);
  });

  test('says how little room there is', () => {
    const small = 'mount -t tmpfs -o size=64k none /root';
    const { code, stderr } = stage(image('gzip'), small);
    expect(code).toBe(1);
    expect(stderr.trim().split('\n').at(-1)).toMatch(/could not be unpacked: .*\(\d+ KiB free in \/root/);
  });

  test('keeps others out of the folder', () => {
    stage(image('gzip'));
    const mode = execFileSync('stat', ['-c', '%a', machine.path('/root/nixos-anywhere')], {
      encoding: 'utf8',
    });
    expect(mode.trim()).toBe('700');
  });

  test('exit code 80 and its own reason when the machine cannot fetch the URL', () => {
    const { code, stdout, stderr } = machine.run('stage.sh', ['http://127.0.0.1:9/image.tar.gz']);
    expect({ code, stdout }).toEqual({ code: 80, stdout: '' });
    expect(stderr).toMatch(/curl: .*127\.0\.0\.1/);
    expect(stderr).not.toMatch(/empty|unpacked/);
  });

  /** A server that gives this under /image?x=1&y, and says that there is nothing elsewhere. */
  async function serve(packed: Buffer) {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(`${request.headers['user-agent']?.split('/')[0]} ${request.url}`);
      response.statusCode = request.url === '/image?x=1&y' ? 200 : 404;
      response.end(packed);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    return { url: `http://127.0.0.1:${port}`, asked };
  }

  const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
  const fetched = (...args: string[]) => machine.start('stage.sh', args).ended;

  test.each(packers)(
    'upstream: the decompressor is guessed from the URL’s end; fetched whatever that says, and hashed, as %s packed it',
    async (packer) => {
      const packed = image(packer);
      const { url } = await serve(packed);
      expect(await fetched(`${url}/image?x=1&y`)).toMatchObject({
        code: 0,
        stdout: `sha256=${sha256(packed)}\nfolder=/root/nixos-anywhere/image\n`,
      });
      for (const name of files) expect(staged(name) === `this is ${name}\n`.repeat(5000)).toBe(true);
      expect(readdirSync(machine.path('/root/nixos-anywhere/image'))).toEqual(['kexec']);
    },
  );

  test('takes no error page for the image', async () => {
    const { url } = await serve(image('gzip'));
    expect(await fetched(`${url}/other`)).toMatchObject({ code: 80, stdout: '' });
  });

  // more than a pipe holds, and begun like an image that goes on
  test.each([
    ['text', () => Buffer.alloc(300_000, 'x')],
    ['a tarball with something behind it', () => Buffer.concat([image('cat'), Buffer.alloc(300_000, 'x')])],
    ['half a tarball', () => image('gzip').subarray(0, 1000)],
  ])('tells the hash of %s, whatever becomes of it', async (_, make) => {
    const bytes = make();
    const { url } = await serve(bytes);
    expect((await fetched(`${url}/image?x=1&y`)).stdout).toMatch(new RegExp(`^sha256=${sha256(bytes)}\n`));
  });

  test('fetches with wget where there is no curl, with the reason where that fails', async () => {
    machine.hide('curl');
    const packed = image('gzip');
    const { url, asked } = await serve(packed);
    expect(await fetched(`${url}/image?x=1&y`)).toEqual({
      code: 0,
      stdout: `sha256=${sha256(packed)}\nfolder=/root/nixos-anywhere/image\n`,
      stderr: '',
    });
    const missing = await fetched(`${url}/other?token=secret`);
    expect(missing).toMatchObject({ code: 80, stdout: '' });
    expect(missing.stderr).toMatch(/404:? Not Found/i);
    const refused = await fetched('http://127.0.0.1:9/image?token=secret');
    expect(refused).toMatchObject({ code: 80, stdout: '' });
    expect(refused.stderr).toMatch(/Connection refused/);
    expect(missing.stderr + refused.stderr).not.toContain('secret');
    expect(asked.map((line) => line.split(' ')[0])).toEqual(['Wget', 'Wget']);
  });

  test.runIf(shell === 'dash')(
    'says that it has neither, and that it cannot tell a hash that is asked for',
    async () => {
      const { url } = await serve(image('gzip'));
      machine.hide('sha256sum');
      expect(await fetched(`${url}/image?x=1&y`, 'sha256')).toEqual({
        code: 80,
        stdout: '',
        stderr: 'no sha256sum here\n',
      });
      expect(await fetched(`${url}/image?x=1&y`)).toMatchObject({
        code: 0,
        stdout: 'folder=/root/nixos-anywhere/image\n',
      });
      machine.hide('curl');
      machine.hide('wget');
      expect(await fetched(`${url}/image?x=1&y`)).toMatchObject({
        code: 80,
        stderr: 'neither curl nor wget here\n',
      });
    },
  );

  // BusyBox's shell finds its own xz and sha256sum whatever PATH says
  test.each(shell === 'dash' ? ['xz', 'zstd'] : ['zstd'])(
    'exit code 82 where there is no %s, whoever fetches',
    async (packer) => {
      // larger than what is in flight
      const packed = Buffer.concat([image(packer), Buffer.alloc(3_000_000)]);
      machine.hide(packer);
      const { url } = await serve(packed);
      const lacking = { code: 82, stdout: '' };
      expect(await fetched(`${url}/image?x=1&y`)).toMatchObject(lacking);
      const sent = await machine.start('stage.sh', [], { input: packed }).ended;
      expect(sent).toEqual({ ...lacking, stderr: `this machine lacks the program ${packer}\n` });
    },
  );
});
