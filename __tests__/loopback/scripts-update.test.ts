// What an update, and the record of an install, run on the machine.
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseFailedUnits } from '../../src/phases/failed-units';
import { parseFacts } from '../../src/plan/facts';
import { Machine, shells } from './scripts';

describe.each(shells)('under %s', (shell) => {
  let machine: Machine;
  beforeEach(() => {
    machine = new Machine(shell);
  });
  afterEach(() => machine.remove());

  const write = (path: string, text: string, mode = 0o644) => {
    mkdirSync(dirname(machine.path(path)), { recursive: true });
    writeFileSync(machine.path(path), text, { mode });
  };
  const read = (path: string) => readFileSync(machine.path(path), 'utf8');
  const program = (name: string, text: string) =>
    writeFileSync(`${machine.bin}/${name}`, `#!/bin/sh\n${text}\n`, { mode: 0o755 });

  describe('install-id.sh', () => {
    const folder = '/mnt/nix/var/nixos-anywhere';
    const record = `${folder}/install-id`;

    test('records an id for everybody to read, over an older one too', () => {
      for (const id of ['web-1', 'a/b@c:d+e._-9']) {
        expect(machine.run('install-id.sh', ['/mnt', id], { setup: 'umask 077' })).toEqual({
          code: 0,
          stdout: '',
          stderr: '',
        });
        expect(read(record)).toBe(`${id}\n`);
      }
      expect(statSync(machine.path(record)).mode & 0o777).toBe(0o644);
      expect(statSync(machine.path(folder)).mode & 0o777).toBe(0o755);
      expect(existsSync(machine.path(`${record}.new`))).toBe(false);
    });

    test('without an id no record is left', () => {
      write(record, 'old\n');
      expect(machine.run('install-id.sh', ['/mnt']).code).toBe(0);
      expect(existsSync(machine.path(record))).toBe(false);
      expect(machine.run('install-id.sh', ['/mnt']).code).toBe(0);
    });

    test('a full disk leaves the old record, and says so', () => {
      const fill = `mkdir -p ${folder}; mount -t tmpfs -o size=8k tmpfs ${folder}; echo old >${record}; dd if=/dev/zero of=${folder}/fill bs=1k count=4 2>/dev/null; true`;
      // this mount is gone with the script that sees it
      const look = `(sleep 1; cat ${record} >/root/after) &`;
      const { code, stderr } = machine.run('install-id.sh', ['/mnt', 'new'], { setup: `${fill}\n${look}` });
      expect({ code, stderr }).toEqual({ code: 1, stderr: `there is no room to write ${record}\n` });
      expect(read('/root/after')).toBe('old\n');
    });
  });

  test('facts.sh knows the mark of installing.sh, the profile and the systems that are there', () => {
    const facts = () => parseFacts(machine.run('facts.sh').stdout);
    expect(facts()).toMatchObject({ earlierRun: false, systemPath: '' });
    expect(machine.run('installing.sh', ['yes'], { setup: 'umask 077' }).code).toBe(0);
    expect(machine.run('installing.sh', ['yes']).code).toBe(0);
    expect(facts().earlierRun).toBe(true);
    expect(machine.run('installing.sh', ['no']).code).toBe(0);
    expect(machine.run('installing.sh', ['no']).code).toBe(0);
    expect(facts().earlierRun).toBe(false);
    mkdirSync(machine.path('/mnt/system'));
    const { stdout } = machine.run('facts.sh', [], { setup: 'ln -s /mnt/system /run/current-system' });
    expect(parseFacts(stdout).systemPath).toBe('/mnt/system');
  });

  describe('switch.sh', () => {
    const switching = (setup = ':') => machine.run('switch.sh', ['/mnt/sys tem', 'no'], { setup });
    const system = (text: string) =>
      write('/mnt/sys tem/bin/switch-to-configuration', `#!/bin/sh\n${text}\n`, 0o755);
    beforeEach(() => program('nix-env', 'printf "<%s>" "$@" >/tmp/nix-env'));

    test('sets the profile, then switches', () => {
      system('cat /tmp/nix-env; echo "$@"; exit 4');
      expect(switching()).toEqual({
        code: 4,
        stdout: '<-p></nix/var/nix/profiles/system><--set></mnt/sys tem>switch\n',
        stderr: '',
      });
    });

    test('does not switch where the profile could not be set', () => {
      program('nix-env', 'echo "disk is full" >&2; exit 1');
      system('echo switched');
      expect(switching()).toEqual({ code: 1, stdout: '', stderr: 'disk is full\n' });
    });

    test('sets no profile to what cannot be switched to', () => {
      system('');
      chmodSync(machine.path('/mnt/sys tem/bin/switch-to-configuration'), 0o644);
      // root may execute what nobody may
      const { code, stderr } = switching();
      expect(code).toBe(1);
      expect(stderr).toContain('/mnt/sys tem has no bin/switch-to-configuration');
      expect(existsSync(machine.path('/tmp/nix-env'))).toBe(false);
    });
  });

  describe('failed-units.sh', () => {
    const systemd = 'mkdir -p /run/systemd/system';
    const ask = (setup = systemd) => machine.run('failed-units.sh', [], { setup });
    const systemctl = (state: string, list: string) => {
      const listing = '[ "$*" = "list-units --failed --plain --no-legend --no-pager" ] && cat /tmp/list';
      const asked = `echo ${state}; [ ${state} = running ]`;
      program('systemctl', `case $1 in is-system-running) ${asked} ;; *) ${listing} ;; esac`);
      write('/tmp/list', list);
    };

    test('names the units, with or without a dot before them', () => {
      systemctl('degraded', 'a.service loaded failed failed A thing\n* b@1.mount loaded failed failed B\n');
      const { code, stdout, stderr } = ask();
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(parseFailedUnits(stdout)).toEqual({ state: 'degraded', units: ['a.service', 'b@1.mount'] });
    });

    test('has no units to name where all is well', () => {
      systemctl('running', '');
      expect(ask()).toEqual({ code: 0, stdout: 'state=running\n', stderr: '' });
    });

    test('says nothing where there is no systemd', () => {
      systemctl('degraded', 'a.service loaded failed failed A\n');
      expect(ask(':')).toEqual({ code: 0, stdout: '', stderr: '' });
    });
  });

  test('store-room.sh says a number', () => {
    expect(machine.run('store-room.sh').stdout).toMatch(/^(\d+\n)?$/);
  });
});
