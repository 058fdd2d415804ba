import { expect, test } from 'vitest';
import { GuardError } from '../../src/errors';
import { checkRunner } from '../../src/runner';

test('a Windows runner is refused in one sentence that names WSL2', () => {
  expect(() => checkRunner('win32')).toThrow(GuardError);
  expect(() => checkRunner('win32')).toThrow(/^this runner runs Windows, [^.]*WSL2$/);
});

// WSL2 is Linux, to itself
test.each(['linux', 'darwin'] as const)('%s is not refused', (platform) => {
  expect(() => checkRunner(platform)).not.toThrow();
});
