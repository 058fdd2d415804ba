// What nixos-anywhere fell into, where it can be seen without the outside world.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { boolean } from '../../src/inputs/parsers';

test('upstream lesson: the string "false" is truthy', () => {
  for (const text of ['false', 'False', ' FALSE\n', 'no', 'off'])
    expect(boolean(text)).toEqual({ ok: false });
  for (const text of ['', '0', 'null', 'none', 'False!']) expect(boolean(text)).toHaveProperty('problem');
});

const folder = new URL('../../src/scripts/', import.meta.url);

test.each(readdirSync(folder))(
  'upstream lesson: remote scripts are dash-safe files, not quoted one-liners: %s',
  (name) => {
    const text = readFileSync(new URL(name, folder));
    for (const shell of [['dash'], ['busybox', 'sh']]) {
      const [program = '', ...args] = shell;
      execFileSync(program, [...args, '-n'], { input: text });
    }
  },
);
