import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CancelledError } from '../../src/errors';
import { withProgressLines } from '../../src/progress-lines';
import { ActionLog } from '../../src/report/action-log';
import { neutralise, neutraliseText } from '../../src/report/neutralise';
import { SecretRegistry } from '../../src/secrets';
import { hostile } from './hostile-text';
import { commandsIn, dotnetWhiteSpace } from './runner-commands';
import { FakeClock } from './support';

const runs = { numRuns: 3000 };

describe('the oracle finds', () => {
  test.each([
    ['::set-output name=x::y'],
    ['::debug::'],
    ...dotnetWhiteSpace.map((blank) => [`${blank} ${blank}::add-mask::x`]),
    ['##[debug]x'],
    ['text before ##[set-output name=x;]y'],
    ['first line\r::error::x'],
  ])('a command in %j', (text) => {
    expect(commandsIn(text)).toHaveLength(1);
  });

  test.each(['text ::error::x', '::error', '##[error', '# #[error]', ':: ::x', ''])('none in %j', (text) => {
    expect(commandsIn(text)).toEqual([]);
  });
});

describe('neutralise', () => {
  test('leaves no command in any text', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(commandsIn(neutralise(text))).toEqual([]);
        expect(commandsIn(`  ${neutralise(text)}`)).toEqual([]);
        expect(commandsIn(neutraliseText(text))).toEqual([]);
      }),
      runs,
    );
  });

  test('leaves no line end, no control character and nothing invisible that turns text around', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(neutralise(text)).not.toMatch(/(?!\t)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
        expect(neutraliseText(text)).not.toMatch(/(?![\t\n])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      }),
      runs,
    );
  });

  test('is done when it is done: a second time changes nothing', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const once = neutralise(text);
        expect(neutralise(once)).toBe(once);
      }),
      runs,
    );
  });

  test('leaves ordinary lines as they are', () => {
    for (const line of [
      '',
      'plain',
      'a::b',
      'std::vector',
      '\tindented',
      '## heading',
      '[x]',
      'ünï 日本 😀',
      '%0A',
    ])
      expect(neutralise(line)).toBe(line);
  });

  test('takes colours away without a trace', () => {
    expect(neutralise('\u001b[1;31merror:\u001b[0m no')).toBe('error: no');
  });

  test('keeps what is behind a command readable', () => {
    expect(neutralise('::error::disk full')).toBe(': :error::disk full');
    expect(neutralise('x ##[error]disk full')).toBe('x ## [error]disk full');
  });

  test('cuts huge lines', () => {
    expect(neutralise('x'.repeat(1_000_000)).length).toBeLessThan(10_000);
    expect(commandsIn(neutralise(`${' '.repeat(8190)}::error::x`))).toEqual([]);
  });
});

describe('ActionLog', () => {
  let printed: string;
  const write = process.stdout.write.bind(process.stdout);
  beforeEach(() => {
    printed = '';
    process.stdout.write = (text: string | Uint8Array) => {
      printed += text.toString();
      return true;
    };
  });
  afterEach(() => {
    process.stdout.write = write;
  });

  const secrets = new SecretRegistry(() => undefined);
  secrets.register('hunter2-hunter2');
  const make = (debugShown = false) => {
    const log = new ActionLog(secrets, new FakeClock());
    log.debugShown = debugShown;
    return log;
  };

  test('info and foreign text never become commands', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        printed = '';
        make().info(text);
        make().foreign('nix', text);
        make(true).debug(text);
        expect(commandsIn(printed)).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });

  test('debug, warning and error are the one command that they are', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        printed = '';
        make().debug(text);
        for (const command of commandsIn(printed)) expect(command).toBe('debug');
        printed = '';
        make().warning(text);
        expect(commandsIn(printed)).toEqual(['warning']);
        printed = '';
        make().error(text, 'failed in phase disko');
        expect(commandsIn(printed)).toEqual(['error']);
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    ['is done', () => Promise.resolve(), 'disko: 12 s'],
    ['fails', () => Promise.reject(new Error('no')), 'disko: failed after 12 s'],
    ['is cancelled', () => Promise.reject(new CancelledError('no')), 'disko: stopped after 12 s'],
  ])('a group whose work %s ends with a line that says so, and when', async (_, end, line) => {
    const clock = new FakeClock();
    const group = new ActionLog(secrets, clock).group('disko', () => {
      clock.advance(12_000);
      return end();
    });
    await Promise.allSettled([group]);
    expect(printed).toBe(`::group::disko\n${line}\n::endgroup::\n`);
  });

  test('an error never stands in a group that goes on', () => {
    const log = make();
    void log.group('disko', () => new Promise(() => undefined));
    log.error('the job was cancelled', 'cancelled');
    expect(commandsIn(printed)).toEqual(['group', 'endgroup', 'error']);
    expect(printed).toContain('disko: stopped after 0.0 s\n');
  });

  test('prints no secret, also one with control characters in it', () => {
    const log = make(true);
    for (const text of ['hunter2-hunter2', 'hunter2\u001b[0m-hunter2', 'hunter2-\u0000hunter2']) {
      log.info(text);
      log.foreign('x', text);
      log.debug(text);
      log.warning(text);
      log.error(text, 'title');
    }
    expect(printed).not.toContain('hunter2');
    expect(printed).toContain('***');
  });

  test('a line that says how far something is has no secret in it, and is no command', async () => {
    const clock = new FakeClock();
    const log = new ActionLog(secrets, clock);
    const read = () => ({ done: '##[error]x', now: 'now hunter2-hunter2 (5 s)' });
    const work = withProgressLines({ log, clock }, '::error::building', read, async () => {
      clock.advance(10_000);
      await new Promise((resolve) => setImmediate(resolve));
    });
    await work;
    expect(printed).toBe(': :error::building for 10 s: ## [error]x; now *** (5 s)\n');
  });

  test('debug text is shown to whoever asked for it', () => {
    make(true).debug('details');
    expect(printed).toBe('  details\n');
    printed = '';
    make(false).debug('details');
    expect(printed).toBe('::debug::details\n');
  });
});
