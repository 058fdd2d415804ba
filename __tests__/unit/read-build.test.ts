// The inputs about how, and where, the configuration becomes a system.
import { describe, expect, test } from 'vitest';
import { InputError } from '../../src/errors';
import type { RawInputs } from '../../src/inputs/raw-inputs';
import { SecretRegistry } from '../../src/secrets';
import { hostSettings } from '../support/settings';
import { makeTestKey } from './support';

const needed = { flake: '.#demo', 'target-host': 'example.org', 'ssh-private-key': makeTestKey() };

function read(raw: RawInputs) {
  return hostSettings({ ...needed, ...raw }, new SecretRegistry(() => undefined));
}

function problemsOf(raw: RawInputs): string[] {
  try {
    read(raw);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return error.problems.map(({ input, problem }) => `${input} ${problem}`);
  }
  return [];
}

describe('build-on', () => {
  test('is auto by default, and one of three', () => {
    expect(read({}).buildOn).toEqual({ value: 'auto', source: 'default' });
    expect(read({ 'build-on': ' remote\r\n' }).buildOn).toEqual({ value: 'remote', source: 'input' });
    expect(problemsOf({ 'build-on': 'target' })).toEqual([
      'build-on is "target"; write one of auto, local, remote',
    ]);
  });

  test('remote is not for what is built already', () => {
    expect(problemsOf({ flake: '', 'store-paths': '/x', 'build-on': 'remote' })).toContainEqual(
      expect.stringMatching(/^build-on cannot be remote with store-paths/),
    );
  });

  test('remote is not for runs without a machine; there auto is here', () => {
    expect(problemsOf({ 'build-only': 'true', 'build-on': 'remote' })).toEqual([
      expect.stringMatching(/^build-on cannot be remote with build-only/),
    ]);
    expect(read({ 'build-only': 'true' }).buildOn.value).toBe('local');
    expect(read({ plan: 'offline' }).buildOn.value).toBe('auto');
  });
});

describe('generate-hardware-config', () => {
  const given = (text: string) => read({ 'generate-hardware-config': text }).hardwareConfig.value;

  test.each([
    ['nixos-facter hosts/facter.json', { backend: 'nixos-facter', path: 'hosts/facter.json' }],
    ['nixos-generate-config ./hw.nix\r\n', { backend: 'nixos-generate-config', path: './hw.nix' }],
    ['  nixos-facter\t my hosts/a  b.json ', { backend: 'nixos-facter', path: 'my hosts/a  b.json' }],
    [`nixos-facter a'"=&#;ü.json`, { backend: 'nixos-facter', path: `a'"=&#;ü.json` }],
  ])('%j', (text, expected) => {
    expect(given(text)).toEqual(expected);
  });

  test('is not there by default', () => {
    expect(read({}).hardwareConfig).toEqual({ value: undefined, source: 'default' });
  });

  test.each([
    ['facter x.json', 'write nixos-facter or nixos-generate-config, and the path of a file'],
    ['nixos-facter', 'and the path of a file'],
    ['x.json nixos-facter', 'write nixos-facter or'],
    ['nixos-facter hosts/', 'names a folder'],
    ['nixos-facter .', 'names a folder'],
    ['nixos-facter a.json\nnixos-facter b.json', 'must be one line'],
    [`nixos-facter ${'x'.repeat(1 << 20)}/`, 'names a folder'],
    ['nixos-facter a\0b', 'contains a NUL character'],
  ])('%j is refused', (text, problem) => {
    const problems = problemsOf({ 'generate-hardware-config': text });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(problem);
    expect(problems[0]?.length).toBeLessThan(400);
  });

  test('is not for store paths, nor for a reboot alone', () => {
    const hardware = { 'generate-hardware-config': 'nixos-facter x.json' };
    expect(problemsOf({ ...hardware, flake: '', 'store-paths': '/x' })).toContainEqual(
      expect.stringMatching(/^generate-hardware-config cannot be combined with store-paths/),
    );
    expect(problemsOf({ ...hardware, phases: 'reboot' })).toEqual([
      expect.stringMatching(/^generate-hardware-config is for runs that boot the installer or install/),
    ]);
    expect(problemsOf({ ...hardware, phases: 'kexec' })).toEqual([]);
  });
});
