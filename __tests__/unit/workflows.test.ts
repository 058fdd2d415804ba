import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

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

describe.each(workflows)('%s', (_name, text) => {
  test('pins every other action by its commit and says which version that is', () => {
    const uses = text.match(/^.*\buses:.*$/gm) ?? [];
    expect(uses.length).toBeGreaterThan(0);
    for (const line of uses.filter((use) => !use.endsWith('uses: ./')))
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

  test('limits concurrency, and the time of each job', () => {
    expect(text).toMatch(/^concurrency:/m);
    const found = jobs(text);
    expect(found.length).toBeGreaterThan(0);
    for (const [, lines] of found) expect(lines).toMatch(/^ {4}timeout-minutes: \d+$/m);
  });

  test('hands nothing of the event to a shell as text', () => {
    const scripts = text.match(/^ +(?:- )?run: (?:\|\n(?: {10}.*\n)+|.*\n)/gm) ?? [];
    expect(scripts.length).toBeGreaterThan(0);
    for (const script of scripts) expect(script).not.toContain('${{');
  });
});
