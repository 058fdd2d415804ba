// The scripts that bring secrets to the target and take them away, under the shells that targets have.
import { execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Machine, shells } from './scripts';

const contents = Buffer.from([0, 10, 255, 13, 10, 0, 39, 36, 10]);

describe.each(shells)('under %s', (shell) => {
  let machine: Machine;
  beforeEach(() => {
    machine = new Machine(shell);
  });
  afterEach(() => machine.remove());

  const modeOf = (path: string) => (statSync(machine.path(path)).mode & 0o777).toString(8);
  const put = (path: string, input = contents, bytes = input.length) =>
    machine.run('put-secret.sh', [path, String(bytes)], { input, setup: 'umask 000' });
  const list = '/run/nixos-anywhere/secrets';

  test('upstream lesson: parents before realpath; a secret arrives byte for byte, for root alone, in folders for root alone', () => {
    expect(put('/root/a/b/key')).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect(readFileSync(machine.path('/root/a/b/key'))).toEqual(contents);
    expect([modeOf('/root/a/b/key'), modeOf('/root/a/b'), modeOf('/root/a')]).toEqual(['600', '700', '700']);
    expect(modeOf(list)).toBe('600');
    expect(readdirSync(machine.path('/root/a/b'))).toEqual(['key']);
  });

  test.each(['/tmp/with blank', "/tmp/it's", '/tmp/$HOME `id` "x" \\ *', '/tmp/-n', '/tmp/ü'])(
    'upstream: the remote path is unquoted; a secret lies at any path: %s',
    (path) => {
      expect(put(path)).toMatchObject({ code: 0, stderr: '' });
      expect(readFileSync(machine.path(path))).toEqual(contents);
      expect(machine.run('remove-secrets.sh')).toMatchObject({ code: 0, stderr: '' });
      expect(readdirSync(machine.path('/tmp'))).toEqual([]);
    },
  );

  test('sent again, it takes the place of the first', () => {
    put('/tmp/key');
    expect(put('/tmp/key', Buffer.from('second'))).toMatchObject({ code: 0, stderr: '' });
    expect(readFileSync(machine.path('/tmp/key'), 'utf8')).toBe('second');
    expect(readFileSync(machine.path(list), 'utf8')).toBe('/tmp/key\n');
  });

  test('one is removed alone, and only if it was put there', () => {
    put('/tmp/key');
    put('/run/nixos-anywhere/netrc');
    writeFileSync(machine.path('/tmp/other'), '');
    const silent = { code: 0, stdout: '', stderr: '' };
    for (const path of ['/run/nixos-anywhere/netrc', '/tmp/other', '/tmp/ke'])
      expect(machine.run('remove-secret.sh', [path])).toEqual(silent);
    expect(readdirSync(machine.path('/tmp'))).toEqual(['key', 'other']);
    expect(readdirSync(machine.path('/run/nixos-anywhere'))).toEqual(['secrets']);
    expect(readFileSync(machine.path(list), 'utf8')).toBe('/tmp/key\n');
    expect(machine.run('remove-secret.sh', ['/tmp/key'])).toEqual(silent);
    expect(machine.run('remove-secret.sh', ['/tmp/key'])).toEqual(silent);
    expect(readdirSync(machine.path('/run/nixos-anywhere'))).toEqual([]);
  });

  test('where there is no room, the others are not forgotten', () => {
    put('/tmp/key');
    put('/run/nixos-anywhere/netrc');
    // nothing can be written to a file any more
    const setup = "trap '' XFSZ; ulimit -f 0";
    const { code } = machine.run('remove-secret.sh', ['/run/nixos-anywhere/netrc'], { setup });
    expect(code).toBe(0);
    expect(readdirSync(machine.path('/run/nixos-anywhere'))).toEqual(['secrets']);
    expect(machine.run('remove-secrets.sh')).toMatchObject({ code: 0 });
    expect(readdirSync(machine.path('/tmp'))).toEqual([]);
  });

  test('nothing is written into what another user has put in its place, or through a link', () => {
    symlinkSync('/home/stolen', machine.path('/tmp/key.nixos-anywhere'));
    writeFileSync(machine.path('/tmp/other.nixos-anywhere'), '', { mode: 0o666 });
    const owner = 'chown 1:1 /tmp/other.nixos-anywhere; chmod 666 /tmp/other.nixos-anywhere';
    for (const path of ['/tmp/key', '/tmp/other']) {
      const setup = `if [ -e /tmp/other.nixos-anywhere ]; then ${owner}; fi`;
      const args = [path, String(contents.length)];
      expect(machine.run('put-secret.sh', args, { input: contents, setup })).toMatchObject({ code: 0 });
      expect(readFileSync(machine.path(path))).toEqual(contents);
      expect(statSync(machine.path(path)).uid).toBe(0);
      expect(modeOf(path)).toBe('600');
    }
    expect(readdirSync(machine.path('/home'))).toEqual([]);
  });

  test('what came only in part is an error, and leaves what was there', () => {
    put('/tmp/key', Buffer.from('first'));
    const { code, stderr } = put('/tmp/key', Buffer.from('sec'), 6);
    expect({ code, stderr }).toEqual({ code: 1, stderr: '/tmp/key came only in part\n' });
    expect(readFileSync(machine.path('/tmp/key'), 'utf8')).toBe('first');
    expect(readdirSync(machine.path('/tmp'))).toEqual(['key']);
  });

  test('a file that was there before is left alone, a link too', () => {
    writeFileSync(machine.path('/tmp/mine'), 'mine');
    symlinkSync('/tmp/nowhere', machine.path('/tmp/link'));
    mkdirSync(machine.path('/tmp/folder'));
    for (const path of ['/tmp/mine', '/tmp/link', '/tmp/folder'])
      expect(put(path)).toMatchObject({
        code: 1,
        stderr: `${path} is there already, and was not put there by this action\n`,
      });
    expect(machine.run('remove-secrets.sh')).toMatchObject({ code: 0 });
    expect(readFileSync(machine.path('/tmp/mine'), 'utf8')).toBe('mine');
    expect(readdirSync(machine.path('/tmp')).toSorted()).toEqual(['folder', 'link', 'mine']);
  });

  test('all are removed, also half ones of a run that was cut off, and nothing else', () => {
    put('/tmp/key');
    put('/root/deep/key');
    writeFileSync(machine.path('/root/deep/key.nixos-anywhere'), 'half');
    writeFileSync(machine.path('/root/deep/other'), 'stays');
    expect(machine.run('remove-secrets.sh')).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect(readdirSync(machine.path('/tmp'))).toEqual([]);
    expect(readdirSync(machine.path('/root/deep'))).toEqual(['other']);
    expect(existsSync(machine.path(list))).toBe(false);
    // a second time, and where there was never anything
    expect(machine.run('remove-secrets.sh')).toMatchObject({ code: 0, stdout: '', stderr: '' });
  });

  test('what cannot be removed is said, and is tried again the next time', () => {
    put('/tmp/key');
    put('/tmp/other');
    const setup = 'mount --bind /tmp/key /tmp/key';
    const { code, stderr } = machine.run('remove-secrets.sh', [], { setup });
    expect(code).toBe(1);
    expect(stderr).toMatch(/could not remove \/tmp\/key\n$/);
    expect(readdirSync(machine.path('/tmp'))).toEqual(['key']);
    expect(machine.run('remove-secrets.sh')).toMatchObject({ code: 0 });
    expect(readdirSync(machine.path('/tmp'))).toEqual([]);
  });

  describe('while the work that needs them goes on', () => {
    /** A detached work of this name that runs for some seconds, as detached-start.sh writes it down. */
    function startWork(name: string, seconds: number): void {
      const { pid = 0 } = spawn('sleep', [String(seconds)], { stdio: 'ignore' });
      const start = readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /, '')
        .split(' ')[19];
      mkdirSync(machine.path(`/run/nixos-anywhere/tasks/${name}`), { recursive: true });
      writeFileSync(machine.path(`/run/nixos-anywhere/tasks/${name}/pid`), `${pid} ${start}\n`);
    }
    const left = () => readdirSync(machine.path('/tmp'));
    const lists = () =>
      readdirSync(machine.path('/run/nixos-anywhere')).filter((name) => name.startsWith('secrets'));

    test('they stay, and are removed after it, without anybody', async () => {
      put('/tmp/key');
      startWork('disko-1', 3);
      expect(machine.run('remove-secrets.sh', ['disko'])).toMatchObject({ code: 0, stdout: '', stderr: '' });
      expect(left()).toEqual(['key']);
      await vi.waitFor(() => expect([left(), lists()]).toEqual([[], []]), { timeout: 15_000 });
    });

    test('a next run takes them over, and what it brings itself stays', async () => {
      put('/tmp/key');
      startWork('disko-1', 3);
      machine.run('remove-secrets.sh', ['disko']);
      expect(machine.run('remove-secrets.sh')).toMatchObject({ code: 0, stderr: '' });
      expect([left(), lists()]).toEqual([[], []]);
      put('/tmp/key');
      // longer than the process that waits can take
      await sleep(6000);
      expect([left(), lists()]).toEqual([['key'], ['secrets']]);
    });

    test('other work is not waited for, nor work that has ended', () => {
      put('/tmp/key');
      startWork('nixos-install-1', 3);
      startWork('disko-1', 3);
      writeFileSync(machine.path('/run/nixos-anywhere/tasks/disko-1/exit'), '0\n');
      expect(machine.run('remove-secrets.sh', ['disko'])).toMatchObject({ code: 0, stderr: '' });
      expect([left(), lists()]).toEqual([[], []]);
    });
  });

  test('8 MiB arrive as well', () => {
    const large = execFileSync('head', ['-c', String(8 << 20), '/dev/urandom'], { maxBuffer: 16 << 20 });
    expect(put('/tmp/key', large)).toMatchObject({ code: 0, stderr: '' });
    expect(readFileSync(machine.path('/tmp/key')).equals(large)).toBe(true);
  });
});
