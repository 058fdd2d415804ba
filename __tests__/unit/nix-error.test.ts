import { expect, test } from 'vitest';
import { NixKilledError } from '../../src/errors';
import { BuildLogs } from '../../src/nix/log';
import { nixError } from '../../src/nix/nix-error';

const errorOf = (code: number | null, text = '') =>
  nixError('the evaluation', code, text === '' ? [] : [text], new BuildLogs());

test.each([null, 137])('a Nix that was killed is told from one that has failed: %s', (code) => {
  const error = errorOf(code);
  expect(error).toBeInstanceOf(NixKilledError);
  expect(error.message).toBe('the evaluation failed: Nix was killed, most likely for lack of memory');
  expect(errorOf(1)).not.toBeInstanceOf(NixKilledError);
});

test('what it only warns of is no reason', () => {
  const warning = "warning: the group 'nixbld' specified in 'build-users-group' does not exist";
  expect(errorOf(137, warning).message).toMatch(/failed: Nix was killed/);
  expect(errorOf(1, `${warning}\nerror: no`).message).toBe('the evaluation failed: error: no');
});

test('what may be the reason comes before what it says of a failure', () => {
  const remarks = ['warning: ignoring untrusted substituter', 'warning: ignoring untrusted substituter'];
  expect(nixError('the copy', 1, ['error: no'], new BuildLogs(), { remarks }).lastLines).toEqual([
    'warning: ignoring untrusted substituter',
    'error: no',
  ]);
});

const place = '/nix/store/0123456789abcdfghijklmnpqrsvwxyz-source/hosts/a.nix:3:7';

test.each<[string, string, string, string]>([
  ['one line', 'error: no', 'error: no', 'no'],
  ['below the word', 'error:\n  Failed:\n  - a\n  - b', 'error: Failed:\n- a\n- b', 'Failed:\n- a\n- b'],
  ['two lines', 'error: no\n  such disk', 'error: no', 'no\nsuch disk'],
  [
    'the innermost, with its place in the flake',
    `error:\n  … while x\n  at /a.nix:1:1:\n    1| a\n\n  error: no\n  at ${place}:\n    3| x\n`,
    'error: no',
    'no (at hosts/a.nix:3:7)',
  ],
  ['another program', 'bash: nix: not there', 'bash: nix: not there', 'bash: nix: not there'],
])('what Nix says: %s', (_, text, message, reason) => {
  expect(errorOf(1, text)).toMatchObject({ message: `the evaluation failed: ${message}`, reason });
});

test('of a throw that never ends some lines', () => {
  const text = `error: ${'line\n'.repeat(500)}`;
  expect(errorOf(1, text).reason?.split('\n')).toHaveLength(12);
});
