import { describe, expect, test } from 'vitest';
import { CleanUp, type Trace } from '../../src/phases/clean-up';
import { Lease } from '../../src/phases/lease';
import type { Logger } from '../../src/runtime';
import type { Target } from '../../src/ssh/target';
import { fakeRuntime, RecordingLog } from './support';

const signal = new AbortController().signal;

/** Runs it against a machine that is in boot `now`; what was said, in order. */
async function run(cleanUp: CleanUp, isOurs = async (bootId: string) => bootId === 'now'): Promise<string[]> {
  const warnings: string[] = [];
  const log: Partial<Logger> = { warning: (text) => void warnings.push(text) };
  await cleanUp.run(isOurs, log as Logger, signal);
  return warnings;
}

function traces() {
  const removed: string[] = [];
  const trace = (what: string, change: Partial<Trace> = {}): Trace => ({
    what,
    bootId: 'now',
    remove: async () => void removed.push(what),
    ...change,
  });
  return { removed, trace, cleanUp: new CleanUp() };
}

describe('what is left on the target', () => {
  test('is removed in reverse order, once', async () => {
    const { cleanUp, removed, trace } = traces();
    for (const what of ['first', 'second', 'third']) cleanUp.leave(trace(what));
    expect(await run(cleanUp)).toEqual([]);
    expect(removed).toEqual(['third', 'second', 'first']);
    await run(cleanUp);
    expect(removed).toHaveLength(3);
  });

  test('and the lease last, though it was taken again after the others were left', async () => {
    const { cleanUp, removed, trace } = traces();
    const target = {
      survivingDrops: <T>(_what: string, work: () => Promise<T>) => work(),
      run: async (_script: unknown, [verb]: string[]) => {
        if (verb === 'release') removed.push('lease');
        return { code: 0, stdout: 'state=taken\n', errorLines: [] };
      },
    };
    const identity = { run: '', attempt: 1, job: '' };
    const lease = new Lease({
      target: target as unknown as Target,
      runtime: fakeRuntime(),
      cleanUp,
      identity,
    });
    await lease.take('now', 'build', '');
    cleanUp.leave(trace('image'));
    // a jump that did not come
    lease.end();
    lease.resume();
    await cleanUp.run((bootId, stop) => lease.isOurs(bootId, stop), new RecordingLog(), signal);
    expect(removed).toEqual(['image', 'lease']);
  });

  test('and cannot be removed: a warning, and the rest is removed all the same', async () => {
    const { cleanUp, removed, trace } = traces();
    cleanUp.leave(trace('A key'));
    cleanUp.leave(trace('An image', { remove: () => Promise.reject(new Error('the disk is full')) }));
    expect(await run(cleanUp)).toEqual(['An image could not be removed: the disk is full']);
    expect(removed).toEqual(['A key']);
  });

  test('on a machine that does not answer: a warning for each', async () => {
    const { cleanUp, removed, trace } = traces();
    cleanUp.leave(trace('A key'));
    cleanUp.leave(trace('An image'));
    const warnings = await run(cleanUp, () => Promise.reject(new Error('gone')));
    expect(warnings).toEqual(['An image could not be removed: gone', 'A key could not be removed: gone']);
    expect(removed).toEqual([]);
  });

  test('is not touched in another boot, or when another run has the machine; who is not asked without need', async () => {
    const { cleanUp, removed, trace } = traces();
    expect(await run(cleanUp, () => Promise.reject(new Error('asked')))).toEqual([]);
    cleanUp.leave(trace('of an earlier boot', { bootId: 'before' }));
    cleanUp.leave(trace('of this boot'));
    expect(await run(cleanUp)).toEqual([]);
    expect(removed).toEqual(['of this boot']);
  });

  test('stays while something there needs it', async () => {
    const { cleanUp, removed, trace } = traces();
    cleanUp.leave(trace('needed', { needed: () => true }));
    cleanUp.leave(trace('not needed', { needed: () => false }));
    await run(cleanUp);
    expect(removed).toEqual(['not needed']);
  });

  test('is forgotten when it is gone already', async () => {
    const { cleanUp, removed, trace } = traces();
    const forget = cleanUp.leave(trace('gone'));
    cleanUp.leave(trace('still there'));
    forget();
    await run(cleanUp);
    expect(removed).toEqual(['still there']);
    cleanUp.leave(trace('in memory'));
    cleanUp.forgetAll();
    expect(await run(cleanUp, () => Promise.reject(new Error('asked')))).toEqual([]);
  });
});
