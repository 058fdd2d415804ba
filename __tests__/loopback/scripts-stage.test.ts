import { execFileSync } from 'node:child_process';
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
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
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
      stdout: '/root/nixos-anywhere/image\n',
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
      stdout: '/var/tmp/nixos-anywhere/image\n',
    });
    const readOnly = 'mount -o remount,bind,ro /root';
    expect(stage(image('gzip'), readOnly)).toMatchObject({
      code: 0,
      stdout: '/var/tmp/nixos-anywhere/image\n',
    });
    expect(stage(image('gzip'), 'mount -o remount,bind,noexec /root').stdout).toBe(
      '/var/tmp/nixos-anywhere/image\n',
    );
    expect(readdirSync(machine.path('/root'))).toEqual([]);
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

  test('fetches a URL itself, whatever its end says, and not what the server calls an error', async () => {
    const packed = image('xz');
    const server = createServer((request, response) => {
      response.statusCode = request.url === '/image.tar.gz?x=1&y' ? 200 : 404;
      response.end(packed);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const fetched = (path: string) => machine.start('stage.sh', [`http://127.0.0.1:${port}${path}`]).ended;
    expect(await fetched('/image.tar.gz?x=1&y')).toMatchObject({
      code: 0,
      stdout: '/root/nixos-anywhere/image\n',
    });
    expect(staged('run').length).toBeGreaterThan(1000);
    expect(await fetched('/other')).toMatchObject({ code: 80, stdout: '' });
    await new Promise((resolve) => server.close(resolve));
  });
});
