// Traces as long as a large configuration has them, and text that only looks like one.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { BuildLogs } from '../../src/nix/log';
import { nixError } from '../../src/nix/nix-error';
import { placesIn, placesOnRunner } from '../../src/nix/places';

const folder = mkdtempSync(join(tmpdir(), 'traces-'));
afterAll(() => rmSync(folder, { recursive: true }));

const own = '/nix/store/qzw7fxs8x5qy07xg9fb42zraxvw6rl05-source';
const errorOf = (message: string) =>
  nixError('the evaluation of x', 1, [message], new BuildLogs(), { folder });

/** So many steps, all in one file of the user. */
function traceOf(steps: number, line: string): string {
  const step = `       … while evaluating the attribute 'value'\n         at ${own}/large.nix:7:3:\n            7| ${line}\n\n`;
  return `error:\n${step.repeat(steps)}       error: no such disk`;
}

describe('a long trace', () => {
  // read anew for each step it takes half a minute
  test('reads each file once', { timeout: 20_000 }, () => {
    writeFileSync(join(folder, 'large.nix'), 'a line of the configuration\n'.repeat(100_000));
    const start = performance.now();
    const { places, message, lastLines } = errorOf(traceOf(2000, 'a line of another one'));
    expect(performance.now() - start).toBeLessThan(5000);
    expect(places).toEqual([]);
    expect(message).toBe('the evaluation of x failed: error: no such disk');
    expect(lastLines.join('\n')).toContain('no such disk');
    expect(errorOf(traceOf(2000, 'a line of the configuration')).places[0]).toEqual({
      file: join(folder, 'large.nix'),
      line: 7,
      column: 3,
    });
  });
});

describe('text that looks like a place', () => {
  // each would need a look at all that comes after it
  test('takes no time for a long line without an end', () => {
    const start = performance.now();
    placesIn(`error: \`/${', via '.repeat(200_000)}`);
    placesIn(`error: ${'`/a'.repeat(200_000)}`);
    placesIn(`error: x\nat ${'a:1'.repeat(200_000)}x`);
    expect(performance.now() - start).toBeLessThan(2000);
  });

  test.each([
    ['long', `/${'a'.repeat(300)}`],
    ['long, in the flake', `${own}/${'a'.repeat(300)}`],
    ['no path', '/a\0b'],
    ['in a file', `${join(folder, 'file')}/below`],
  ])('and can be none does not hide the error: %s', (_, file) => {
    writeFileSync(join(folder, 'file'), '');
    const { message, places } = errorOf(`error: the option \`${file}' is unknown\nat ${file}:1:1:`);
    expect(message).toMatch(/^the evaluation of x failed: error: the option /);
    expect(places).toEqual([]);
  });

  test('the way by which a module came is not a part of its name', () => {
    writeFileSync(join(folder, 'm.nix'), '');
    const named = placesIn("error: x\nin `/nix/store/a.nix, via option y, via z'");
    expect(named.map(({ file }) => file)).toEqual(['/nix/store/a.nix']);
    expect(placesOnRunner(placesIn(`error: in \`${own}/m.nix, via option y'`), folder)).toHaveLength(1);
  });
});
