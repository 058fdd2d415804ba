import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseFlakeReference } from '../../src/inputs/flake-reference';
import { nastyText } from './support';

describe('parseFlakeReference', () => {
  test.each([
    ['.#demo', { uri: '.', name: 'demo', path: [] }],
    ['#demo', { uri: '.', name: 'demo', path: [] }],
    [' .#demo ', { uri: '.', name: 'demo', path: [] }],
    ['.#demo\n', { uri: '.', name: 'demo', path: [] }],
    ['\r\n.#demo\r\n', { uri: '.', name: 'demo', path: [] }],
    [
      'github:owner/repo/branch?dir=a#web-1',
      { uri: 'github:owner/repo/branch?dir=a', name: 'web-1', path: [] },
    ],
    ['/with blank#x', { uri: '/with blank', name: 'x', path: [] }],
    ['.#host.example.org', { uri: '.', name: 'host.example.org', path: [] }],
    ['.#"host.example.org"', { uri: '.', name: 'host.example.org', path: [] }],
    [
      'git+ssh://git@example.org/x.git?ref=a#b',
      { uri: 'git+ssh://git@example.org/x.git?ref=a', name: 'b', path: [] },
    ],
    ['.#nixosConfigurations.demo', { uri: '.', name: 'demo', path: [] }],
    ['.#nixosConfigurations."a.b"', { uri: '.', name: 'a.b', path: [] }],
    [
      '.#nixosConfigurations."a.b".config.virtualisation.vmVariant',
      { uri: '.', name: 'a.b', path: ['config', 'virtualisation', 'vmVariant'] },
    ],
    ['.#"ünïcode name"', { uri: '.', name: 'ünïcode name', path: [] }],
    ["git+file:///x?ref=main#it's", { uri: 'git+file:///x?ref=main', name: "it's", path: [] }],
  ])('reads %s', (text, expected) => {
    expect(parseFlakeReference(text)).toEqual(expected);
  });

  test.each([
    ['.#a b', /cannot be read/],
    ['.#"open', /cannot be read/],
    ['.#a..b', /cannot be read/],
    ['.#a.', /cannot be read/],
    ['.#""', /cannot be read/],
    ['.#"a"b', /cannot be read/],
    ['.#"a".b', /begin it with nixosConfigurations/],
    ['.#a\n.#b', /one line/],
    ['.#"a\rb"', /one line/],
    [`github:a/${'b'.repeat(5000)}#c`, /more than 4096 characters/],
    ['--help#a', /must not begin with a dash/],
    ['-f#a', /must not begin with a dash/],
  ])('says what is wrong with %j', (text, message) => {
    expect(parseFlakeReference(text)).toMatch(message);
  });

  // it takes an evaluation to say which there are
  test.each(['.', '', '.#', '.# ', '#'])('%j names none', (text) => {
    expect(parseFlakeReference(text)).toEqual({ uri: '.', name: '', path: [] });
  });

  test('reads back any name in quotes, alone and in full', () => {
    const name = nastyText.filter((text) => text !== '' && !/["\\\r\n]/.test(text) && text.trim() === text);
    fc.assert(
      fc.property(name, (each) => {
        expect(parseFlakeReference(`.#"${each}"`)).toEqual({ uri: '.', name: each, path: [] });
        const full = `.#nixosConfigurations."${each}"."${each}".c`;
        expect(parseFlakeReference(full)).toEqual({ uri: '.', name: each, path: [each, 'c'] });
      }),
    );
  });

  test('takes any text without throwing, and gives no empty name where one was meant', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          nastyText,
          nastyText.map((text) => `.#${text}`),
        ),
        (text) => {
          const result = parseFlakeReference(text);
          if (typeof result === 'string') return;
          if (/#.*\S/.test(text)) expect(result.name).not.toBe('');
          expect(result.uri).not.toBe('');
          expect(result.uri + result.name).not.toMatch(/[\r\n]/);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('takes a huge text in little time', () => {
    const start = performance.now();
    parseFlakeReference(`.#${'a.'.repeat(100_000)}`);
    parseFlakeReference(`.#"${'a'.repeat(1_000_000)}`);
    expect(performance.now() - start).toBeLessThan(3000);
  });
});
