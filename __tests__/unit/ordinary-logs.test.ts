// Wrong advice is worse than none: what logs say when nothing known is wrong is not taken for a known failure, whoever says it.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { phaseNames } from '../../src/plan/plan';
import { fallbacks, recognise, type Said } from '../../src/report/hints';

const fallbackIds: readonly string[] = fallbacks.map(({ id }) => id);

function linesOf(log: string): string[] {
  return readFileSync(new URL(`ordinary-logs/${log}.txt`, import.meta.url), 'utf8').split('\n');
}

const kinds: readonly Said['kind'][] = ['nix', 'remote-command', 'connection', 'guard', 'unexpected'];
const places = kinds.flatMap((kind) => [null, ...phaseNames].map((phase) => ({ kind, phase })));

/** What is recognised when any 40 lines of a log are the last ones, or any line is the message. */
function recognisedIn(log: string, { kind, phase }: Pick<Said, 'kind' | 'phase'>): string[] {
  const lines = linesOf(log);
  const said = lines.flatMap((message, index) => [
    { kind, phase, message, lastLines: [] },
    { kind, phase, message: 'it failed with exit code 1', lastLines: lines.slice(index, index + 40) },
  ]);
  return [...new Set(said.flatMap((each) => recognise(each)?.id ?? []))];
}

// a real run of `npm run demo`; a real build that fails, as far as its log goes; and words that a build may well print
describe.each(['demo', 'failed-build', 'nixos-build'])('the log %s', (log) => {
  test.each(places)('is no known failure as $kind in $phase', (place) => {
    expect(recognisedIn(log, place)).toEqual([]);
  });
});

// the real console of a machine that starts, is taken over, and reboots
describe('the log console', () => {
  test.each(places)('is no known failure as $kind in $phase', (place) => {
    // "umount: … target is busy" is one where disko says it, and nowhere else
    const isDisko = place.kind === 'remote-command' && place.phase === 'disko';
    expect(recognisedIn('console', place)).toEqual(isDisko ? ['disk-in-use'] : []);
  });
});

test('a fallback needs our own words at the beginning of a line', () => {
  const said = { kind: 'remote-command', phase: 'install', lastLines: [] } as const;
  const of = (message: string) => recognise({ ...said, message })?.id ?? '';
  expect(fallbackIds).toContain(of('nixos-install failed with exit code 1 on the target'));
  expect(of('see what to do when nixos-install failed')).toBe('');
});
