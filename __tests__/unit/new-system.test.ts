// The inputs about what is put on the new disks beside the system, and the hooks: text in, settings or one problem out.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { formatOwner, isNumeric, ownerships, parseOwner } from '../../src/inputs/chown';
import { extraFilesFolder } from '../../src/inputs/extra-files';
import { hookedPhases, hooks } from '../../src/inputs/hooks';
import type { LoadedSecrets } from '../../src/inputs/load-secrets';
import { secretFiles } from '../../src/inputs/secret-files';
import { secretsToSend } from '../../src/inputs/settings';
import type { Action } from '../../src/plan/decide';
import { newSystemPlan, plannedHooks } from '../../src/plan/new-system';
import { type PhaseName, phaseNames } from '../../src/plan/plan';
import { SecretRegistry } from '../../src/secrets';
import { machineSettings } from '../support/settings';
import { makeTestKey, nastyText } from './support';

const required = { flake: '.#demo', 'target-host': 'root@example.org', 'ssh-private-key': makeTestKey() };
const loaded: LoadedSecrets = new Map([['env:KEY', { ok: Buffer.from('the contents') }]]);
const settingsOf = (inputs: Record<string, string>) =>
  machineSettings({ ...required, ...inputs }, new SecretRegistry(() => undefined), loaded);

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'new-system-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

describe('secret-files', () => {
  test('a path, options and a source that is the rest of the line', () => {
    const text = `/etc/a env:KEY\r\n\n "/etc/b \\"c\\"" mode=640 owner=0:100 exec:sops -d "x y" mode=1\n/etc//d owner=alice mode=0444 ./mode=x`;
    expect(secretFiles(text)).toEqual({
      ok: [
        { path: '/etc/a', mode: '0600', owner: undefined, source: { kind: 'env', name: 'KEY' } },
        {
          path: '/etc/b "c"',
          mode: '0640',
          owner: { user: '0', group: '100' },
          source: { kind: 'exec', command: 'sops -d "x y" mode=1' },
        },
        {
          path: '/etc/d',
          mode: '0444',
          owner: { user: 'alice', group: undefined },
          source: { kind: 'path', path: './mode=x' },
        },
      ],
    });
  });

  test.each([
    ['', 'names no file'],
    ['etc/a env:KEY', 'line 1 begins with no absolute path'],
    ['/etc/../a env:KEY', 'line 1 has /etc/../a, which is no path of a file'],
    ['/etc/ env:KEY', 'line 1 has /etc/, which is no path of a file'],
    ['/etc/a', 'line 1 has no source for /etc/a'],
    ['/etc/a mode=0600', 'line 1 has no source for /etc/a'],
    ['/etc/a mode=999 env:KEY', 'line 1 has a mode that is not three octal digits'],
    ['/etc/a mode=4755 env:KEY', 'line 1 has a mode that is not three octal digits'],
    ['/etc/a owner=a:b:c env:KEY', 'line 1 has an owner that is none'],
    ['/etc/a owner= env:KEY', 'line 1 has an owner that is none'],
    ['/run/a env:KEY', 'nothing can be put below /run'],
    ['/nix/store/a env:KEY', 'nothing can be put below /nix/store'],
    ['/etc/a env:1', 'line 1 names no variable after env:'],
    ['/etc/a env:KEY\n/etc//a env:KEY', 'line 2 names /etc/a a second time'],
    ['/etc/a\u0001 env:KEY', 'line 1 has a control character in the path'],
  ])('%j is a problem', (text, problem) => {
    expect(secretFiles(text)).toMatchObject({ problem: expect.stringContaining(problem) });
  });

  test('a problem never shows what may be the secret itself', () => {
    fc.assert(
      fc.property(nastyText, (text) => {
        const parsed = secretFiles(`/etc/a mode=1 ${text}hunter2`);
        expect(JSON.stringify(parsed)).not.toContain('hunter2');
      }),
    );
  });

  test('any path in quotes is read as it is', () => {
    const name = fc.stringMatching(/^[^\p{Cc}/]+$/u).filter((part) => part !== '.' && part !== '..');
    fc.assert(
      fc.property(name, (part) => {
        const quoted = `"/etc/${part.replace(/["\\]/g, '\\$&')}"`;
        expect(secretFiles(`${quoted} env:KEY`)).toMatchObject({ ok: [{ path: `/etc/${part}` }] });
      }),
    );
  });

  test('is a secret that is sent, and so is a folder of extra files', () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'file'), '');
    expect(secretsToSend(settingsOf({ 'secret-files': '/etc/a env:KEY' }), 'install')).toEqual([
      'secret-files',
    ]);
    expect(secretsToSend(settingsOf({ 'extra-files': folder }), 'install')).toEqual(['extra-files']);
    expect(secretsToSend(settingsOf({}), 'install')).toEqual([]);
  });
});

describe('chown', () => {
  test('upstream: blanks in a path break chown; numbers and names, paths with blanks and of any length', () => {
    const long = `/home/${'x'.repeat(300)}`;
    expect(ownerships(`/home/alice 1000:100\n"/srv/a b/" www-data\n${long} alice:users`)).toEqual({
      ok: [
        { path: '/home/alice', owner: { user: '1000', group: '100' } },
        { path: '/srv/a b', owner: { user: 'www-data', group: undefined } },
        { path: long, owner: { user: 'alice', group: 'users' } },
      ],
    });
  });

  test.each([
    ['/home/alice', 'has no owner for /home/alice'],
    ['/ 0:0', 'change the owner of the whole system'],
    ['/nix 0:0', 'root'],
    ['/nix/store/x 0:0', 'root'],
    ['home 0:0', 'begins with no absolute path'],
    ['/a 0:0:0', 'has an owner that is none'],
    ['/a 4294967295', 'has an owner that is none'],
    ['/a -R', 'has an owner that is none'],
    ['/a $(id)', 'has an owner that is none'],
    ['/a 1000 100', 'has an owner that is none'],
    ['/a 0:0\n/a/ 1:1', 'names /a a second time'],
  ])('%j is a problem', (text, problem) => {
    expect(ownerships(text)).toMatchObject({ problem: expect.stringContaining(problem) });
  });

  test('an owner is written as it was read', () => {
    for (const text of ['0', '1000:100', 'alice', 'alice:users', 'a_b-c$']) {
      const owner = parseOwner(text);
      if (!('ok' in owner)) throw new Error(text);
      expect(formatOwner(owner.ok)).toBe(text);
      expect(isNumeric(owner.ok)).toBe(/^[\d:]+$/.test(text));
    }
  });
});

describe('extra-files', () => {
  test('a folder, also behind a link, but nothing else', () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'full/sub'), { recursive: true });
    mkdirSync(join(folder, 'empty'));
    writeFileSync(join(folder, 'file'), 'x');
    symlinkSync('full', join(folder, 'result'));
    const problem = (text: string) => ({ problem: expect.stringContaining(text) });
    expect(extraFilesFolder(` ${folder}/result\n`)).toEqual({ ok: join(folder, 'full') });
    expect(extraFilesFolder(`${folder}/empty`)).toEqual(problem('which is empty'));
    expect(extraFilesFolder(`${folder}/file`)).toEqual(problem('which is not a folder'));
    expect(extraFilesFolder(`${folder}/none`)).toEqual(problem('no such folder on the runner'));
    expect(extraFilesFolder(`${folder}/file/below`)).toEqual(problem('which cannot be read (ENOTDIR)'));
  });

  test('and the others belong to the install phase', () => {
    for (const [input, value] of [
      ['secret-files', '/etc/a env:KEY'],
      ['chown', '/a 0:0'],
    ] as const)
      expect(() => settingsOf({ [input]: value, phases: 'kexec,disko' })).toThrow(
        `input ${input}: is for the install phase`,
      );
  });

  test('names need the accounts that install-bootloader: false does not make', () => {
    const inputs = { chown: '/a alice\n/b 0:0', 'install-bootloader': 'false' };
    expect(() => settingsOf(inputs)).toThrow('names an owner of /a, whom nobody knows');
    expect(() => settingsOf({ ...inputs, chown: '/b 0:0' })).not.toThrow();
  });
});

describe('hooks', () => {
  const folder = () => {
    const path = temporaryFolder();
    const write = (name: string, text: string, mode = 0o644) => {
      writeFileSync(join(path, name), text);
      chmodSync(join(path, name), mode);
    };
    write('plain', 'echo hi\n');
    write('run', '#!/usr/bin/env python3\n', 0o755);
    write('with blank', '#!/bin/sh -e\necho\n');
    write('empty', ' \n');
    write('bash', '#!/usr/bin/env bash\n');
    write('windows', 'echo\r\n');
    write('binary', '\x7fELF\0');
    write('large', 'x'.repeat(2 ** 20 + 1));
    mkdirSync(join(path, 'folder'));
    return path;
  };

  test('when, where and a script, whose text is in nothing that is shown', () => {
    const path = folder();
    const parsed = hooks(
      `after-disko target ${path}/plain\nbefore-reboot  runner\t${path}/run\nafter-install target ${path}/with blank\n`,
    );
    if (!('ok' in parsed)) throw new Error(parsed.problem);
    expect(parsed.ok).toMatchObject([
      { when: 'after', phase: 'disko', where: 'target', path: `${path}/plain` },
      { when: 'before', phase: 'reboot', where: 'runner', path: `${path}/run` },
      { when: 'after', phase: 'install', where: 'target', path: `${path}/with blank` },
    ]);
    expect(JSON.stringify(parsed)).not.toContain('echo');
    expect(parsed.ok[0]?.text.reveal()).toBe('echo hi\n');
  });

  test('are at every phase that does something to a machine', () => {
    const without = ['preflight', 'vm-test'];
    expect(hookedPhases).toEqual(phaseNames.filter((name) => !without.includes(name)));
    for (const phase of hookedPhases)
      expect(hooks(`after-${phase} runner ${folder()}/run`)).toMatchObject({
        ok: [{ when: 'after', phase }],
      });
  });

  test.each([
    ['during-disko target plain', 'begins with no moment'],
    ['after-preflight target plain', 'begins with no moment'],
    ['after-disko here plain', 'does not say where'],
    ['after-disko target', 'names no script'],
    ['after-disko target none', 'does not exist on the runner'],
    ['after-disko target empty', 'is empty'],
    ['after-disko target folder', 'is a folder'],
    ['after-disko target bash', 'begins with #!/usr/bin/env bash, but is run by sh'],
    ['after-disko target windows', 'has Windows line ends'],
    ['after-disko target binary', 'is a binary'],
    ['after-disko target large', 'is larger than 1 MiB'],
    ['after-disko runner plain', 'is not executable'],
    ['after-reboot target plain', 'going down'],
    ['before-verify target plain', 'going down'],
    ['before-build target plain', 'take after-build'],
    ['after-disko target plain\nafter-disko target plain', 'a second time'],
  ])('%j is a problem', (text, problem) => {
    const path = folder();
    const lines = text.replace(/ (\w+)$/gm, (word, name: string) =>
      name === 'target' ? word : ` ${path}/${name}`,
    );
    expect(hooks(lines)).toMatchObject({ problem: expect.stringContaining(problem) });
  });
});

describe('the plan', () => {
  test('has no contents of secrets, in no form', () => {
    const { newSystem, ...rest } = settingsOf({ 'secret-files': '/etc/a mode=440 owner=1:2 env:KEY' });
    const plan = newSystemPlan({ newSystem, ...rest }, 'install', ['install'], undefined);
    expect(plan).toEqual({
      diskKeys: [],
      extraFiles: null,
      secretFiles: [{ path: '/etc/a', mode: '0440', owner: '1:2' }],
      chown: [],
      copyHostKeys: false,
      installBootloader: true,
      noCheck: null,
    });
  });

  test('says where disk keys lie, and whose host keys the new system gets: both are to be approved', () => {
    const settings = settingsOf({ 'disk-encryption-keys': '/tmp/key env:KEY', 'copy-host-keys': 'true' });
    const planOf = (...phases: PhaseName[]) => newSystemPlan(settings, 'install', phases, undefined);
    expect(planOf('disko', 'install')).toMatchObject({ diskKeys: ['/tmp/key'], copyHostKeys: true });
    expect(planOf('disko')).toMatchObject({ diskKeys: ['/tmp/key'], copyHostKeys: false });
    expect(planOf('install')).toMatchObject({ diskKeys: [], copyHostKeys: true });
  });

  test('promises no boot loader and no checks where no system is installed or switched to', () => {
    const settings = machineSettings(
      { ...required, 'install-bootloader': 'true' },
      new SecretRegistry(() => undefined),
      loaded,
      { NIXOS_NO_CHECK: 'x' },
    );
    const how = (action: Action, ...phases: PhaseName[]) => {
      const { installBootloader, noCheck } = newSystemPlan(settings, action, phases, undefined);
      return [installBootloader, noCheck];
    };
    expect(how('nothing', 'verify')).toEqual([false, null]);
    expect(how('install', 'kexec', 'disko')).toEqual([false, null]);
    expect(how('update', 'update')).toEqual([true, 'x']);
    expect(how('install', 'install')).toEqual([true, 'x']);
  });

  test('an update brings nothing but the system; its boot loader is installed only on request', () => {
    const inputs = { 'secret-files': '/etc/a env:KEY', chown: '/b 0:0' };
    const planOf = (more: Record<string, string>, phases: 'install' | 'update') =>
      newSystemPlan(settingsOf({ ...inputs, ...more }), phases, [phases], undefined);
    expect(planOf({}, 'update')).toMatchObject({ secretFiles: [], chown: [], installBootloader: false });
    expect(planOf({ 'install-bootloader': 'true' }, 'update').installBootloader).toBe(true);
    expect(planOf({ 'install-bootloader': 'false' }, 'install').installBootloader).toBe(false);
    expect(planOf({}, 'install')).toMatchObject({ chown: [{ path: '/b', owner: '0:0' }] });
  });

  test('names the hooks of the phases that run, by what is in them', () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'x'), 'echo one');
    const settings = settingsOf({ hooks: `after-disko target ${folder}/x\nbefore-kexec target ${folder}/x` });
    expect(plannedHooks(settings, ['preflight', 'disko'])).toEqual([
      {
        when: 'after-disko',
        where: 'target',
        path: `${folder}/x`,
        sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    ]);
  });
});
