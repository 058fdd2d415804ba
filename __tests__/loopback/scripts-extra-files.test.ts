// Extra files, unpacked by the shells and the tar programs of the targets.
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { archiveOf } from '../../src/phases/extra-files';
import { tarHeader } from '../../src/phases/tar';
import { type ExtraFiles, listExtraFiles } from '../../src/plan/extra-files';
import { Machine, shells } from './scripts';

const signal = new AbortController().signal;
const repository = process.cwd();

describe.each(shells)('under %s', (shell) => {
  let machine: Machine;
  let source: string;
  beforeEach(() => {
    machine = new Machine(shell);
    source = mkdtempSync('/var/tmp/extra-');
  });
  afterEach(() => {
    machine.remove();
    rmSync(source, { recursive: true, force: true });
  });

  const mnt = (path: string) => machine.path(`/mnt${path}`);
  const modeOf = (path: string) => (lstatSync(mnt(path)).mode & 0o7777).toString(8);
  const put = (folder: string, path: string, text: string, mode = 0o644) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
    chmodSync(join(folder, path), mode);
  };
  const onTarget = (path: string, text: string, mode = 0o644) => put(machine.path('/mnt'), path, text, mode);

  const prepare = ({ entries }: ExtraFiles) =>
    machine.run(
      'new-folders.sh',
      entries.flatMap(({ kind, mode, path }) => [kind === 'folder' ? mode.toString(8) : '-', path]),
      { setup: 'umask 077' },
    );

  async function archive(files: ExtraFiles): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of archiveOf(files, signal)) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  /** As copyExtraFiles does it. */
  async function copy(): Promise<void> {
    const files = await listExtraFiles(source, signal);
    expect(prepare(files)).toEqual({ code: 0, stdout: '', stderr: '' });
    const input = await archive(files);
    expect(machine.run('unpack-files.sh', [], { input, setup: 'umask 077' })).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
  }

  describe('extra files', () => {
    test('arrive with their contents and modes, owned by root, whatever the umask', async () => {
      put(source, 'etc/motd', 'hello\n', 0o644);
      put(source, 'root/.ssh/id', 'key', 0o600);
      put(source, 'usr/bin/tool', '#!/bin/sh\n', 0o4755);
      chmodSync(join(source, 'root'), 0o700);
      chmodSync(join(source, 'root/.ssh'), 0o750);
      mkdirSync(join(source, 'var/empty'), { recursive: true });
      chmodSync(join(source, 'var/empty'), 0o1777);
      put(source, 'empty', '');
      await copy();
      expect(readFileSync(mnt('/etc/motd'), 'utf8')).toBe('hello\n');
      expect(['/etc/motd', '/root/.ssh/id', '/usr/bin/tool'].map(modeOf)).toEqual(['644', '600', '4755']);
      expect(['/root', '/root/.ssh', '/var/empty', '/etc'].map(modeOf)).toEqual([
        '700',
        '750',
        '1777',
        '755',
      ]);
      expect(readdirSync(mnt('/var/empty'))).toEqual([]);
      expect(readFileSync(mnt('/empty'), 'utf8')).toBe('');
      for (const path of ['/etc/motd', '/root', '/usr/bin/tool'])
        expect([lstatSync(mnt(path)).uid, lstatSync(mnt(path)).gid]).toEqual([0, 0]);
    });

    test('come in folders that lock nobody out, whatever umask made them', async () => {
      put(source, 'etc/motd', 'hello\n');
      put(source, 'home/alice/.ssh/authorized_keys', 'key\n');
      const folders = ['etc', 'home', 'home/alice', 'home/alice/.ssh'];
      for (const each of folders) chmodSync(join(source, each), 0o775);
      chmodSync(join(source, 'etc'), 0o700);
      await copy();
      expect(folders.map((each) => modeOf(`/${each}`))).toEqual(['755', '755', '755', '755']);
    });

    test('upstream fault: the modes of the source’s folders overwrite those of the target’s', async () => {
      put(source, 'etc/ssh/key', 'new');
      chmodSync(source, 0o700);
      chmodSync(join(source, 'etc'), 0o700);
      chmodSync(join(source, 'etc/ssh'), 0o777);
      mkdirSync(mnt('/etc/ssh'), { recursive: true });
      chmodSync(machine.path('/mnt'), 0o711);
      chmodSync(mnt('/etc'), 0o755);
      chmodSync(mnt('/etc/ssh'), 0o750);
      await copy();
      expect(['/', '/etc', '/etc/ssh'].map(modeOf)).toEqual(['711', '755', '750']);
      expect(readFileSync(mnt('/etc/ssh/key'), 'utf8')).toBe('new');
    });

    test('replace files and links that are there, and a second time change nothing', async () => {
      put(source, 'etc/file', 'new', 0o640);
      put(source, 'etc/was-link', 'a file now');
      symlinkSync('file', join(source, 'etc/link'));
      onTarget('/etc/file', 'old and longer', 0o600);
      onTarget('/etc/link', 'was a file');
      onTarget('/etc/elsewhere', 'stays');
      symlinkSync('elsewhere', mnt('/etc/was-link'));
      for (let times = 1; times <= 2; times++) {
        await copy();
        expect(readFileSync(mnt('/etc/file'), 'utf8')).toBe('new');
        expect(modeOf('/etc/file')).toBe('640');
        expect(readlinkSync(mnt('/etc/link'))).toBe('file');
        expect(lstatSync(mnt('/etc/was-link')).isFile()).toBe(true);
        expect(readFileSync(mnt('/etc/elsewhere'), 'utf8')).toBe('stays');
      }
    });

    test('have any name: long, odd and in any script', async () => {
      const names = [
        'x'.repeat(255),
        `${'ü'.repeat(127)}y`,
        '-rf',
        '--checkpoint-action=exec=sh',
        ' leading and trailing ',
        'new\nline',
        'end\n',
        'tab\tquote\'double"back\\slash$HOME`id`*?[a]',
        '日本語',
        '...',
      ];
      const deep = `${'d'.repeat(99)}/${'e'.repeat(120)}/${'f'.repeat(255)}`;
      for (const name of names) put(source, `${name}/${name}`, name);
      put(source, deep, 'deep');
      await copy();
      for (const name of names) expect(readFileSync(mnt(`/${name}/${name}`), 'utf8')).toBe(name);
      expect(readdirSync(machine.path('/mnt'))).toHaveLength(names.length + 1);
      expect(readFileSync(mnt(`/${deep}`), 'utf8')).toBe('deep');
    });

    test('links are copied as they are, wherever they lead, and never followed', async () => {
      const targets: Record<string, string> = {
        outside: repository,
        absolute: '/etc/passwd',
        dangling: '/nowhere/at all',
        up: '../../../../etc',
        long: `/${'t'.repeat(250)}/${'u'.repeat(200)}`,
        odd: 'a\n"b" \'c\'',
      };
      for (const [name, target] of Object.entries(targets)) symlinkSync(target, join(source, name));
      await copy();
      for (const [name, target] of Object.entries(targets)) {
        expect(lstatSync(mnt(`/${name}`)).isSymbolicLink()).toBe(true);
        expect(readlinkSync(mnt(`/${name}`))).toBe(target);
      }
    });

    test('are not written through a link on the target that leads out of /mnt', async () => {
      put(source, 'etc/passwd', 'mine');
      put(source, 'aaa/first', 'first');
      mkdirSync(machine.path('/home/victim'));
      symlinkSync('/home/victim', mnt('/etc'));
      const files = await listExtraFiles(source, signal);
      expect(prepare(files)).toEqual({
        code: 1,
        stdout: '',
        stderr: '/etc is a folder of extra-files, but on the target a link that leads out of /mnt\n',
      });
      expect(readdirSync(machine.path('/home/victim'))).toEqual([]);
      expect(existsSync(mnt('/aaa'))).toBe(false);
    });

    test('are written through a link that stays below /mnt', async () => {
      put(source, 'var/lib/x', 'there');
      mkdirSync(mnt('/persist/lib'), { recursive: true });
      mkdirSync(mnt('/var'));
      symlinkSync('../persist/lib', mnt('/var/lib'));
      await copy();
      expect(readFileSync(mnt('/persist/lib/x'), 'utf8')).toBe('there');
      expect(readlinkSync(mnt('/var/lib'))).toBe('../persist/lib');
    });

    test.each([
      ['a folder where a file is', 'a/b', '/a', '/a is a folder of extra-files, but not on the target'],
      ['a file where a folder is', 'a', '/a/b', '/a is a file of extra-files, but a folder on the target'],
    ])('%s is refused before anything is made', async (_, ours, theirs, message) => {
      put(source, ours, 'ours');
      put(source, '0/first', 'first');
      onTarget(theirs, 'theirs');
      expect(prepare(await listExtraFiles(source, signal))).toEqual({
        code: 1,
        stdout: '',
        stderr: `${message}\n`,
      });
      expect(readdirSync(machine.path('/mnt'))).toEqual(['a']);
    });

    test('a copy that was cut off fails, and is completed by the next one', async () => {
      put(source, 'one', '1'.repeat(100_000));
      put(source, 'two', '2'.repeat(100_000));
      const whole = await archive(await listExtraFiles(source, signal));
      const cut = machine.run('unpack-files.sh', [], { input: whole.subarray(0, 150_000) });
      expect(cut.code).not.toBe(0);
      await copy();
      expect(readFileSync(mnt('/two'), 'utf8')).toBe('2'.repeat(100_000));
    });

    test('an attempt that still waits for its connection is ended by the next one', async () => {
      put(source, 'file', 'x'.repeat(100_000));
      const whole = await archive(await listExtraFiles(source, signal));
      const hanging = machine.start('unpack-files.sh', [], { holdInput: true });
      hanging.child.stdin?.write(whole.subarray(0, 50_000));
      const record = machine.path('/run/nixos-anywhere/unpacking');
      await expect.poll(() => existsSync(record) && existsSync(mnt('/file'))).toBe(true);
      await copy();
      expect((await hanging.ended).code).not.toBe(0);
      expect(statSync(mnt('/file')).size).toBe(100_000);
    });

    test('tar reads sizes beyond 8 GiB', () => {
      const size = 100 * 1024 ** 3;
      const entry = { name: 'huge', mode: 0o644, size, modifiedMs: 0, target: '' } as const;
      const list = machine.start('../../__tests__/support/list-tar.sh', [], {
        input: tarHeader({ ...entry, kind: 'file' }),
      });
      return expect(list.ended).resolves.toMatchObject({ stdout: expect.stringContaining(` ${size} `) });
    });
  });
});
