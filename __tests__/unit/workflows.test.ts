import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { problemsIn } from '../../testbed/workflow/parse.mts';

const folder = new URL('../../.github/workflows/', import.meta.url);
const workflows = readdirSync(folder).map(
  (name) => [name, readFileSync(new URL(name, folder), 'utf8')] as const,
);

/** The lines of each job, by its name. */
function jobs(text: string): [string, string][] {
  const [, section = ''] = text.split(/^jobs:\n/m);
  const parts = section.split(/^ {2}([\w-]+):\n/m).slice(1);
  return parts.flatMap((name, index) => (index % 2 === 0 ? [[name, parts[index + 1] ?? '']] : []));
}

/** This action itself: of the checkout, or the release that the workflow is part of. */
const isOwn = (use: string) => /uses: (\.\/|nixos-anywhere-action\/nixos-anywhere-action@v\d+)$/.test(use);
/** Runs within a workflow that limits itself, and for other commits than those of this repository. */
const isCalled = (text: string) => /^ {2}workflow_call:/m.test(text);

describe.each(workflows)('%s', (name, text) => {
  test('is a workflow by GitHub’s own parser', async () => {
    expect(await problemsIn(name, text)).toEqual([]);
  });

  test('pins every other action by its commit and says which version that is', () => {
    const uses = text.match(/^.*\buses:.*$/gm) ?? [];
    expect(uses.length).toBeGreaterThan(0);
    for (const line of uses.filter((use) => !isOwn(use)))
      expect(line).toMatch(/uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  test('may only read unless a job asks for more', () => {
    expect(text).toMatch(/^permissions:\n {2}contents: read\n\n/m);
    expect(text).not.toMatch(/pull_request_target|write-all/);
  });

  test('leaves no credentials in the checkout', () => {
    const checkouts = text.match(/actions\/checkout@/g) ?? [];
    expect(text.match(/persist-credentials: false/g)).toHaveLength(checkouts.length);
  });

  test('limits the time of each job', () => {
    const found = jobs(text);
    expect(found.length).toBeGreaterThan(0);
    for (const [, lines] of found)
      expect(lines).toMatch(/^ {4}timeout-minutes: (\d+|\$\{\{ inputs\.timeout-minutes \}\})$/m);
  });

  test.skipIf(isCalled(text))('limits concurrency', () => {
    expect(text).toMatch(/^concurrency:/m);
  });

  test.runIf(isCalled(text))('lets one job at a time change a machine, and cancels none', () => {
    const changing = jobs(text).filter(([, lines]) => lines.includes('approved-plan:'));
    expect(changing.length).toBeGreaterThan(0);
    for (const [, lines] of changing)
      expect(lines).toMatch(
        /^ {4}concurrency:\n {6}group: nixos-anywhere-\$\{\{ matrix\.host \}\}\n(?: {6}#.*\n)? {6}cancel-in-progress: false$/m,
      );
  });

  test('hands nothing of the event to a shell as text', () => {
    const scripts = text.match(/^ +(?:- )?run: (?:\|\n(?: {10}.*\n)+|.*\n)/gm) ?? [];
    expect(scripts.length).toBeGreaterThan(0);
    for (const script of scripts) expect(script).not.toContain('${{');
  });
});
