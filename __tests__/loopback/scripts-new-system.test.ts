// What is put below /mnt beside the system, and how that is installed: the scripts, by the shells of the targets.
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Machine, shells } from './scripts';

const asRoot = process.getuid?.() === 0;

describe.each(shells)('under %s', (shell) => {
  let machine: Machine;
  beforeEach(() => {
    machine = new Machine(shell);
  });
  afterEach(() => machine.remove());

  const mnt = (path: string) => machine.path(`/mnt${path}`);
  const modeOf = (path: string) => (lstatSync(mnt(path)).mode & 0o7777).toString(8);
  const onTarget = (path: string, text: string, mode = 0o644) => {
    mkdirSync(dirname(mnt(path)), { recursive: true });
    writeFileSync(mnt(path), text);
    chmodSync(mnt(path), mode);
  };

  describe('put-file.sh', () => {
    const contents = Buffer.from([0, 1, 255, 10, 13, 39]);
    const putFile = (path: string, mode = '0600', bytes = contents.length, setup = 'umask 000') =>
      machine.run('put-file.sh', [path, mode, String(bytes)], { input: contents, setup });
    const done = { code: 0, stdout: '', stderr: '' };

    test.each(['/etc/ssh/key', '/with blank/a\'b"c$d', `/var/lib/${'n'.repeat(255)}`, '/-n', '/ü'])(
      'a secret arrives byte for byte: %s',
      (path) => {
        expect(putFile(path)).toEqual(done);
        expect(readFileSync(mnt(path))).toEqual(contents);
        expect(modeOf(path)).toBe('600');
        const parent = dirname(path);
        expect(readdirSync(mnt(parent))).toHaveLength(1);
        if (parent !== '/') expect(modeOf(parent)).toBe('755');
      },
    );

    test('with the mode that was asked for, over what is there, and again', () => {
      onTarget('/etc/token', 'old and much longer than the new one', 0o644);
      mkdirSync(mnt('/etc/folder'));
      symlinkSync('folder', mnt('/etc/link'));
      for (const path of ['/etc/token', '/etc/link', '/etc/token']) {
        expect(putFile(path, '0440')).toEqual(done);
        expect(readFileSync(mnt(path))).toEqual(contents);
        expect(modeOf(path)).toBe('440');
      }
      expect(lstatSync(mnt('/etc/link')).isFile()).toBe(true);
      expect(readdirSync(mnt('/etc/folder'))).toEqual([]);
    });

    test('what came only in part is an error, and leaves what was there', () => {
      onTarget('/etc/token', 'old');
      expect(putFile('/etc/token', '0600', 99)).toEqual({
        code: 1,
        stdout: '',
        stderr: '/etc/token came only in part\n',
      });
      expect(readFileSync(mnt('/etc/token'), 'utf8')).toBe('old');
      expect(readdirSync(mnt('/etc'))).toEqual(['token']);
    });

    test('of what does not fit on the disk nothing stays', () => {
      onTarget('/etc/token', 'old');
      const input = Buffer.alloc(40_000, 'secret');
      const setup = "trap '' XFSZ; ulimit -f 16";
      const { code } = machine.run('put-file.sh', ['/etc/token', '0600', '40000'], { input, setup });
      expect(code).toBe(1);
      expect(readdirSync(mnt('/etc'))).toEqual(['token']);
      expect(readFileSync(mnt('/etc/token'), 'utf8')).toBe('old');
    });

    test.each([
      ['/etc/deep/key', () => symlinkSync('/home', mnt('/etc')), /above it is a link that leads out/],
      ['/etc/key', () => symlinkSync('/nowhere', mnt('/etc')), /above it is a link that leads out/],
      ['/etc/key', () => onTarget('/etc', 'a file'), /or a file/],
      ['/etc', () => mkdirSync(mnt('/etc')), /there is a folder of this name/],
    ])('%s is not written elsewhere', (path, build, message) => {
      build();
      const { code, stderr } = putFile(path);
      expect(code).toBe(1);
      expect(stderr).toMatch(message);
      expect(readdirSync(machine.path('/home'))).toEqual([]);
    });
  });

  test('a script that goes astray changes nothing of this computer', () => {
    const attempts = 'for path in / /etc /usr /bin /var /dev /sys; do chown 0:0 $path && echo $path; done';
    const { stdout } = machine.run('put-file.sh', [], {
      setup: `(${attempts}; touch /astray && echo made) 2>&1 || :`,
    });
    expect(stdout).not.toMatch(/^(\/|made)/m);
    expect(stdout).toMatch(/read-only file system/i);
  });

  describe.runIf(asRoot)('chown.sh', () => {
    const ownerOf = (path: string) => {
      const { uid, gid } = lstatSync(mnt(path));
      return `${uid}:${gid}`;
    };
    const chown = (...args: string[]) => machine.run('chown.sh', args);
    const done = { code: 0, stdout: '', stderr: '' };

    test('upstream fault: a path of more than 35 characters is cut, and its parent is given away', () => {
      const path = `/home/alice/${'a folder with blanks/'.repeat(12)}file`;
      onTarget(path, 'x');
      expect(chown('1000:100', path)).toEqual(done);
      expect(ownerOf(path)).toBe('1000:100');
      expect(ownerOf(dirname(path))).toBe('0:0');
      expect(ownerOf('/home/alice')).toBe('0:0');
    });

    test('with all that is below, links themselves and nothing behind them', () => {
      onTarget('/home/bob/a/b', 'x');
      onTarget('/etc/shadow', 'not his');
      mkdirSync(mnt('/srv'));
      symlinkSync('/etc', mnt('/home/bob/absolute'));
      symlinkSync('../../etc', mnt('/home/bob/relative'));
      symlinkSync('../../etc/shadow', mnt('/home/bob/file'));
      symlinkSync('../etc', mnt('/srv/top'));
      expect(chown('1001:1002', '/home/bob', '7', '/srv/top')).toEqual(done);
      for (const path of ['', '/a', '/a/b', '/absolute', '/relative', '/file'])
        expect(ownerOf(`/home/bob${path}`)).toBe('1001:1002');
      expect(ownerOf('/srv/top')).toBe('7:0');
      expect([ownerOf('/etc'), ownerOf('/etc/shadow'), ownerOf('/home')]).toEqual(['0:0', '0:0', '0:0']);
    });

    test('names are those of the new system, not of the installer', () => {
      onTarget(
        '/etc/passwd',
        'root:x:0:0::/root:/bin/sh\nnobody:x:4711:4712:::\nalice:x:1234:100:A,B::/bin/sh\n',
      );
      onTarget('/etc/group', 'root:x:0:\nusers:x:100:alice\nwheel:x:4713:\n');
      onTarget('/a', '');
      onTarget('/b', '');
      onTarget('/c', '');
      expect(chown('nobody', '/a', 'alice:wheel', '/b', '5:users', '/c')).toEqual(done);
      expect(['/a', '/b', '/c'].map(ownerOf)).toEqual(['4711:0', '1234:4713', '5:100']);
    });

    test.each([
      ['root', '/missing', '/missing does not exist in the new system'],
      ['daemon', '/there', 'the new system has no daemon in /etc/passwd: give the owner as a number'],
      ['0:daemon', '/there', 'the new system has no daemon in /etc/group: give the owner as a number'],
      ['1:1', '/out/victim', '/out/victim lies behind a link that leads out of /mnt'],
    ])('chown %s %s is refused', (owner, path, message) => {
      onTarget('/there', '');
      writeFileSync(machine.path('/home/victim'), '');
      symlinkSync('/home', mnt('/out'));
      onTarget('/etc/group', 'root:x:0:\n');
      symlinkSync('/etc/passwd', mnt('/etc/passwd'));
      expect(chown(owner, path)).toEqual({ code: 1, stdout: '', stderr: `${message}\n` });
      expect(lstatSync(machine.path('/home/victim')).uid).toBe(0);
    });
  });

  describe('what installs and switches', () => {
    const program = (path: string) => {
      mkdirSync(dirname(machine.path(path)), { recursive: true });
      const text = `#!/bin/sh\necho "$0 $*; check=\${NIXOS_NO_CHECK-unset} loader=\${NIXOS_INSTALL_BOOTLOADER-unset}"\n`;
      writeFileSync(machine.path(path), text, { mode: 0o755 });
    };

    test('upstream fault: NIXOS_NO_CHECK does not reach nixos-install', () => {
      program('/opt/nixos-install');
      const run = (...args: string[]) => machine.run('nixos-install.sh', args).stdout.replace(/^\S+ /, '');
      const flags = '--no-root-passwd --no-channel-copy --system /nix/store/x';
      expect(run('/nix/store/x', 'yes')).toBe(`${flags}; check=unset loader=unset\n`);
      expect(run('/nix/store/x', 'no', '1')).toBe(`${flags} --no-bootloader; check=1 loader=unset\n`);
      expect(run('/nix/store/x', 'yes', '')).toBe(`${flags}; check= loader=unset\n`);
    });

    test('a switch gets both as it was asked to', () => {
      program('/root/system/bin/switch-to-configuration');
      program('/opt/nix-env');
      const run = (...args: string[]) =>
        machine.run('switch.sh', ['/root/system', ...args]).stdout.split('\n')[1];
      expect(run('no')).toMatch(/ switch; check=unset loader=unset$/);
      expect(run('yes', '1')).toMatch(/ switch; check=1 loader=1$/);
    });
  });

  describe('host keys that were supplied', () => {
    test('keep their own public half beside those of the installer', () => {
      const key = '/etc/ssh/ssh_host_ed25519_key';
      const keygen = (path: string) => `ssh-keygen -q -t ed25519 -N '' -f ${path}`;
      const setup = `${keygen(key)}\nmkdir -p /mnt/etc/ssh\n${keygen(`/mnt${key}`)}\nssh-keygen -y -f /mnt${key} >/root/supplied\nrm /mnt${key}.pub`;
      const { code, stdout } = machine.run('host-keys.sh', ['yes', 'ed25519', key, ''], { setup });
      expect(code).toBe(0);
      const supplied = readFileSync(machine.path('/root/supplied'), 'utf8').split(' ').slice(0, 2).join(' ');
      expect(stdout).toBe(`${supplied.trim()}\n`);
      expect(readFileSync(mnt(`${key}.pub`), 'utf8')).toContain(supplied.trim());
    });

    test('get no public half of the installer’s, though the configuration does not name them', () => {
      const key = '/etc/ssh/ssh_host_ecdsa_key';
      const setup = `ssh-keygen -q -t ecdsa -N '' -f ${key}\nmkdir -p /mnt/etc/ssh\necho supplied >/mnt${key}`;
      expect(machine.run('host-keys.sh', ['yes'], { setup })).toEqual({ code: 0, stdout: '', stderr: '' });
      expect(readdirSync(mnt('/etc/ssh'))).toEqual(['ssh_host_ecdsa_key']);
    });

    test('are not taken for the key that a public half on the disk belongs to', () => {
      const key = '/etc/ssh/ssh_host_ed25519_key';
      const keygen = (path: string) => `ssh-keygen -q -t ed25519 -N '' -f ${path}`;
      const setup = `mkdir -p /mnt/etc/ssh\n${keygen('/root/new')}\n${keygen(`/mnt${key}`)}\ncat /root/new >/mnt${key}`;
      const { stdout } = machine.run('host-keys.sh', ['no', 'ed25519', key, ''], { setup });
      const expected = readFileSync(machine.path('/root/new.pub'), 'utf8').split(' ').slice(0, 2).join(' ');
      expect(stdout).toBe(`${expected}\n`);
      expect(modeOf(`${key}.pub`)).toBe('644');
    });
  });

  test('detached-forget.sh removes what has ended, and nothing of other works', () => {
    const tasks = '/run/nixos-anywhere/tasks';
    for (const name of ['hook-a-1', 'hook-b-2', 'hook-c-5', 'hook-d-6', 'disko-3', 'hooked-4'])
      mkdirSync(machine.path(`${tasks}/${name}`), { recursive: true });
    // one was killed, and one goes on
    writeFileSync(machine.path(`${tasks}/hook-c-5/pid`), `${process.pid} 1\n`);
    const [, started] = /\) (?:\S+ ){19}(\d+)/.exec(readFileSync('/proc/self/stat', 'latin1')) ?? [];
    writeFileSync(machine.path(`${tasks}/hook-d-6/pid`), `${process.pid} ${started}\n`);
    for (const name of ['hook-a-1', 'disko-3', 'hooked-4'])
      writeFileSync(machine.path(`${tasks}/${name}/exit`), '0\n');
    expect(machine.run('detached-forget.sh', ['hook'])).toMatchObject({ code: 0, stderr: '' });
    expect(readdirSync(machine.path(tasks)).toSorted()).toEqual([
      'disko-3',
      'hook-b-2',
      'hook-d-6',
      'hooked-4',
    ]);
  });
});
