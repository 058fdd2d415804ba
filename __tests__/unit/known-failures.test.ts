// The failures that are known: each has samples, from a real program or with the reason why not, and is told from the others.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ownMessages } from '../../parity/failures';
import { samples, samplesOf } from '../../parity/samples';
import { fallbacks, knownFailures, recognise, type Said } from '../../src/report/hints';
import { faults } from '../support/fault-table';
import { fileOf, testExists } from '../support/named-tests';
import { nastyText } from './support';

const all = [...knownFailures, ...fallbacks];

describe.each(samples)('$id: $text', ({ id, text, kind, phase, source }) => {
  const saying = (said: Partial<Said>) =>
    recognise({ kind, phase, message: 'it failed', lastLines: [], ...said });
  const words = text.replaceAll('…', '7');

  test('is recognised in the message, and in the lines before it', () => {
    expect(saying({ message: words })?.id).toBe(id);
    expect(saying({ lastLines: ['before', words, 'after'] })?.id).toBe(id);
  });

  test('is none in an input, in a hook, or after a cancel', () => {
    for (const other of ['input', 'hook', 'cancelled', 'timeout'] as const)
      expect(saying({ kind: other, message: words })).toBeUndefined();
  });

  test('comes from a test, or says why from none', () => {
    if ('imitated' in source) return expect(source.imitated).not.toBe('');
    expect(testExists(source.real), source.real).toBe(true);
    const file = readFileSync(fileOf(source.real), 'utf8');
    const fault = Object.entries(faults).find(
      ([name, row]) => 'known' in row && row.known === id && file.includes(`'${name}'`),
    );
    if (fault === undefined) expect(file.replaceAll(/\\(.)/g, '$1')).toContain(text);
    expect(file).toContain(fault === undefined ? 'expectKnown(' : 'expectFault(');
  });
});

test.each(all)('$id has a sample, a cause and a hint of its own', ({ id, cause, hint }) => {
  expect(id).toMatch(/^[a-z]+(-[a-z]+)*$/);
  expect(Object.keys(samplesOf), 'parity/samples').toContain(id);
  expect(samplesOf[id].length).toBeGreaterThan(0);
  expect(all.filter((other) => other.id === id)).toHaveLength(1);
  expect(all.filter((other) => other.hint === hint)).toHaveLength(1);
  expect(cause).not.toBe('');
});

test.each(ownMessages)('what is said in another way is tested: $text', ({ test: name }) => {
  expect(testExists(name), name).toBe(true);
});

describe('of two that fit', () => {
  const of = (message: string, lastLines: readonly string[], kind: Said['kind'], phase: Said['phase']) =>
    recognise({ message, lastLines, kind, phase })?.id;

  test('the message counts for more than what was printed before it', () => {
    const lines = ['umount: /mnt: target is busy.', 'Failed to open key file.'];
    expect(of('disko failed: Failed to open key file.', lines, 'remote-command', 'disko')).toBe(
      'disk-key-missing',
    );
    expect(of('disko failed: no', lines, 'remote-command', 'disko')).toBe('disk-in-use');
  });

  test('whatever is known of the reason counts for more than what follows from it', () => {
    const message = 'nixos-install failed with exit code 1 on the target: no';
    expect(of(message, [], 'remote-command', 'install')).toBe('not-bootable');
    expect(of(message, ['tar: No space left on device'], 'remote-command', 'install')).toBe('new-disk-full');
    const evaluation = 'the evaluation of .#web failed: error: x';
    expect(of(evaluation, [], 'nix', 'preflight')).toBe('evaluation-fails');
    expect(of(`${evaluation} does not provide attribute y`, [], 'nix', 'preflight')).toBe(
      'attribute-missing',
    );
  });

  test('a machine whose memory is full has killed the kexec', () => {
    const said = ['kexec invoked oom-killer: x', 'kexec_load failed: Invalid argument'];
    expect(of('kexec was killed on the target', said, 'remote-command', 'kexec')).toBe('kexec-memory');
    expect(of('kexec failed: Killed', said, 'remote-command', 'kexec')).toBe('machine-memory');
  });
});

describe('the same words elsewhere', () => {
  const full = 'No space left on device';
  const of = (kind: Said['kind'], phase: Said['phase'], message = full) =>
    recognise({ kind, phase, message, lastLines: [] })?.id;

  test('tell of the disk of whoever says them', () => {
    expect(of('nix', 'build')).toBe('runner-disk-full');
    expect(of('nix', 'preflight')).toBe('runner-disk-full');
    expect(of('unexpected', null, 'ENOSPC: no space left on device, write')).toBe('runner-disk-full');
    expect(of('guard', 'build')).toBe('machine-disk-full');
    expect(of('remote-command', 'kexec')).toBe('machine-disk-full');
    expect(of('nix', 'disko')).toBe('installer-memory-full');
    expect(of('remote-command', 'disko')).toBe('installer-memory-full');
    expect(of('nix', 'install')).toBe('new-disk-full');
    expect(of('remote-command', 'install')).toBe('new-disk-full');
    // the machines of a VM test have disks of their own
    expect(of('nix', 'vm-test')).toBeUndefined();
    expect(of('hook', 'install')).toBeUndefined();
  });

  test('tell of whose memory is short', () => {
    expect(of('nix', 'build', "builder for '/nix/store/x.drv' failed due to signal 9 (Killed)")).toBe(
      'build-memory',
    );
    expect(of('remote-command', 'disko', 'disko failed on the target: Killed')).toBe('machine-memory');
    expect(of('nix', 'build', 'Killed')).toBeUndefined();
    expect(of('nix', 'vm-test', 'machine # Out of memory: Killed process 1 (x)')).toBeUndefined();
  });

  test('what the builder has is no reason', () => {
    const lacks =
      "Required system: 'aarch64-linux' with features {}\nCurrent system: 'x86_64-linux' with features {kvm}";
    expect(of('nix', 'build', `Reason: required system or feature not available\n${lacks}`)).toBe(
      'other-architecture',
    );
  });
});

test('nothing is said about what is not known, and any text is taken', () => {
  const said = (message: string, kind: Said['kind']) =>
    recognise({ kind, phase: 'disko', message, lastLines: [message] });
  expect(said('all is well', 'remote-command')).toBeUndefined();
  const start = performance.now();
  for (const kind of ['nix', 'remote-command'] as const) {
    fc.assert(fc.property(nastyText, (text) => void said(text, kind)));
    said("a '".repeat(20_000), kind);
    said('kexec '.repeat(20_000), kind);
  }
  expect(performance.now() - start).toBeLessThan(5000);
});
