// The inputs about how, and where, the configuration becomes a system.
import { describe, expect, test } from 'vitest';
import { InputError } from '../../src/errors';
import type { RawInputs } from '../../src/inputs/raw-inputs';
import { readSettings } from '../../src/inputs/read-settings';
import { SecretRegistry } from '../../src/secrets';
import { makeTestKey } from './support';

const needed = { flake: '.#demo', 'target-host': 'example.org', 'ssh-private-key': makeTestKey() };

function read(raw: RawInputs) {
  return readSettings({ ...needed, ...raw }, new SecretRegistry(() => undefined));
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
