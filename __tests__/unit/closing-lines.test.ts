// The end of the log, after all groups.
import { expect, test } from 'vitest';
import { CancelledError, NixError } from '../../src/errors';
import { nothingListed } from '../../src/plan/fleet';
import { closingLines } from '../../src/report/closing-lines';
import { failureOf } from '../../src/report/report';
import { type Outcome, Progress } from '../../src/report/result';
import { SecretRegistry } from '../../src/secrets';
import { somePlan } from '../support/situation';
import { FakeClock } from './support';

const file = '/tmp/result.json';
const system = '/nix/store/djvnygh7rjsi6mz4ijp93brxps0f2pqi-nixos-system-web';

/** A run that has come to the end of its phases, the last of which may have failed. */
function runOf(end: 'success' | 'failure' = 'success') {
  const clock = new FakeClock();
  const progress = new Progress(clock);
  progress.target = 'root@example.org:22';
  for (const name of ['preflight', 'disko'] as const) {
    progress.begin(name);
    clock.advance(40_000);
    progress.end(name === 'disko' ? end : 'success');
  }
  progress.plan = { ...somePlan, work: null };
  progress.targetState = 'booted';
  progress.verified = 'system';
  progress.systemPath = system;
  return progress;
}

const failed = (progress: Progress, error: Error) =>
  progress.result('failed', failureOf(error, progress, new SecretRegistry(() => undefined)));

test('an install: what the machine runs, how that was seen, and where there is more', () => {
  expect(closingLines(runOf().result('installed'), file)).toEqual([
    '✅ NixOS installed: root@example.org:22, in 80 s',
    '  machine   running the system of the configuration',
    '  verified  logged in: the running system is the one of the configuration',
    `  system    ${system}`,
    `  result    ${file}`,
  ]);
});

test('a failure names the phase, and leaves the rest to the annotation', () => {
  expect(closingLines(failed(runOf('failure'), new NixError('no')), file)).toEqual([
    '❌ Installation failed in phase disko: root@example.org:22, after 80 s',
    `  result    ${file}`,
  ]);
  expect(closingLines(failed(runOf('failure'), new CancelledError('no')), undefined)).toEqual([
    '🛑 Cancelled in phase disko: root@example.org:22, after 80 s',
  ]);
  expect(closingLines(failed(new Progress(), new NixError('no')), file)[0]).toBe(
    '❌ Installation failed before the first phase: no target',
  );
});

test.each<[Outcome, string]>([
  ['planned', '📋 Planned: root@example.org:22, in 80 s'],
  ['prepared', '✅ Prepared, not installed: root@example.org:22, in 80 s'],
])('%s: nothing is claimed to be verified', (outcome, first) => {
  const lines = closingLines(runOf().result(outcome), file);
  expect(lines[0]).toBe(first);
  expect(lines.join('\n')).not.toContain('verified');
});

test('many hosts: how many, as the summary says it', () => {
  const progress = new Progress();
  progress.fleet = { ...nothingListed, selected: 3, evaluations: 1 };
  expect(closingLines(progress.result('listed'), file)).toEqual([
    '📋 0 of 3 hosts, 1 evaluation',
    `  result    ${file}`,
  ]);
});
