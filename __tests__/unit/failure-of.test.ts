// What a result says of what went wrong.
import { describe, expect, test } from 'vitest';
import { InputError, NixError } from '../../src/errors';
import { failureOf } from '../../src/report/report';
import { Progress } from '../../src/report/result';
import { SecretRegistry } from '../../src/secrets';

describe('failureOf', () => {
  const noSecrets = new SecretRegistry(() => undefined);

  test('finds secrets before it makes text harmless', () => {
    const secrets = new SecretRegistry(() => undefined);
    // each is changed by what is done to foreign text
    const values = ['pass##[word', '::passphrase', 'emoji 👩\u200d🚀 phrase', '##[x'];
    for (const value of values) secrets.register(value);
    const error = new NixError(values.join('\n'), { lastLines: values });
    const { message, lastLines } = failureOf(error, new Progress(), secrets);
    expect(message).toBe('***\n***\n***\n***');
    expect(lastLines).toEqual(['***', '***', '***', '***']);
  });

  test('takes anything that can be thrown', () => {
    const progress = new Progress();
    for (const thrown of [undefined, null, 'text', 42, {}, new Error('x')]) {
      expect(failureOf(thrown, progress, noSecrets)).toMatchObject({
        kind: 'unexpected',
        phase: null,
        lastLines: [],
      });
    }
  });

  test('makes foreign text harmless and keeps the last lines only', () => {
    const lastLines = Array.from({ length: 100 }, (_, index) => `::set-output name=x::${index}`);
    const failure = failureOf(
      new NixError('##[error]m\n::error::n', { lastLines }),
      new Progress(),
      noSecrets,
    );
    expect(failure.message).toBe('## [error]m\n: :error::n');
    expect(failure.lastLines).toHaveLength(40);
    expect(failure.lastLines.at(-1)).toBe(': :set-output name=x::99');
  });

  test('gives the hint of the place that knew best, else that of the table', () => {
    const of = (error: Error) => failureOf(error, new Progress(), noSecrets);
    expect(of(new NixError('No disks defined', { hint: 'mine' }))).toMatchObject({
      hint: 'mine',
      known: null,
    });
    expect(of(new NixError('No disks defined'))).toMatchObject({
      hint: expect.stringMatching(/import the disk layout/),
      known: 'no-disks',
    });
    expect(of(new NixError('x', { lastLines: ['a', 'No disks defined'] }))).toMatchObject({
      known: 'no-disks',
    });
    expect(of(new Error('nobody knows'))).toMatchObject({ hint: null, known: null });
  });

  test('names every input problem', () => {
    const problems = [
      { input: 'flake', problem: 'is required' },
      { input: 'ssh-port', problem: 'is "x"' },
    ];
    expect(failureOf(new InputError(problems), new Progress(), noSecrets)).toMatchObject({
      kind: 'input',
      message: 'input flake: is required\ninput ssh-port: is "x"',
    });
  });
});
