// reboot.sh with programs that only say what they were told. Under dash alone: BusyBox's shell would take its own
// `reboot` before any other.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { until } from '../support/runtime';
import { Machine } from './scripts';

const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
let machine: Machine;
beforeEach(() => {
  machine = new Machine('dash');
  for (const program of ['sync', 'umount', 'swapoff', 'reboot']) fake(program);
});
afterEach(() => machine.remove());

function fake(program: string, does = ''): void {
  const text = `#!/bin/sh\necho "${program} $*" | sed 's/ *$//' >>/run/done\n${does}\n`;
  writeFileSync(join(machine.bin, program), text, { mode: 0o755 });
}

const done = () => {
  const file = machine.path('/run/done');
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
};

async function rebooted(): Promise<string[]> {
  expect((await machine.start('reboot.sh', [boot]).ended).code).toBe(0);
  await until('it reboots', () => done().includes('reboot'));
  return done();
}

test('upstream lesson: unmount and swapoff before reboot', async () => {
  expect(await rebooted()).toEqual(['sync', 'umount -R /mnt', 'swapoff -a', 'sync', 'reboot']);
});

test('with pools they are exported, when nothing of them is in use any more', async () => {
  fake('zpool', '[ "$1" = export ] || echo tank');
  expect(await rebooted()).toEqual([
    'sync',
    'zpool list -H',
    'umount -R /mnt',
    'swapoff -a',
    'zpool export -a',
    'sync',
    'reboot',
  ]);
});

test('upstream lesson: a reboot must be detached with its stdio, or SSH hangs', async () => {
  const running = machine.start('reboot.sh', [boot]);
  // ends only when nobody has its streams any more
  await running.ended;
  expect(done()).not.toContain('reboot');
  await until('it reboots', () => done().includes('reboot'));
});

test('upstream lesson: reboot must work without install', async () => {
  fake('umount', 'echo "umount: /mnt: not mounted" >&2; exit 32');
  fake('swapoff', 'exit 1');
  expect((await rebooted()).at(-1)).toBe('reboot');
});

test('another boot than the one that was meant is left alone', async () => {
  expect((await machine.start('reboot.sh', ['another']).ended).code).toBe(0);
  expect(done()).toEqual([]);
});
