import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { formatDuration, IdleTimer, orAborted, sideBySide, within } from '../../src/deadlines';
import { TimeoutError } from '../../src/errors';
import { systemClock } from '../../src/runtime';
import { FakeClock } from './support';

const never = <T = never>() => new Promise<T>(() => undefined);
const open = () => new AbortController().signal;
/** Everything that can happen without time passing has happened. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Work that lasts until it is told to stop, and then some. */
function stoppable(): {
  work: (signal: AbortSignal) => Promise<never>;
  events: string[];
  finish: () => void;
} {
  const events: string[] = [];
  let finish = (): void => undefined;
  const work = (signal: AbortSignal) =>
    new Promise<never>((_, reject) => {
      events.push('started');
      finish = () => {
        events.push('ended');
        reject(signal.reason);
      };
      signal.addEventListener('abort', () => events.push('told to stop'));
    });
  return { work, events, finish: () => finish() };
}

describe('formatDuration', () => {
  test.each([
    [0, '0.0 s'],
    [1234, '1.2 s'],
    [9949, '9.9 s'],
    [10_000, '10 s'],
    [90_000, '90 s'],
    [120_000, '2 min'],
    [125_000, '2 min 5 s'],
    [900_000, '15 min'],
    [3_599_999, '60 min'],
  ])('%i ms is %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  test('is short and never says 60 s beside minutes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e9 }), (ms) => {
        expect(formatDuration(ms)).toMatch(/^\d\.\d s$|^10\.0 s$|^\d{2,3} s$|^\d+ min( [1-5]?\d s)?$/);
      }),
    );
  });
});

describe('within', () => {
  test('gives the result, and leaves no timer behind', async () => {
    const clock = new FakeClock();
    expect(await within(clock, 'x', 1000, open(), async () => 42)).toBe(42);
    await settled();
    expect(clock.sleeping).toBe(0);
  });

  test('gives the failure of the work', async () => {
    const clock = new FakeClock();
    const failing = within(clock, 'x', 1000, open(), async () => Promise.reject(new Error('no')));
    await expect(failing).rejects.toThrow('no');
    expect(clock.sleeping).toBe(0);
  });

  test('tells the work to stop when the time is over, not before, and says what was waited for', async () => {
    const clock = new FakeClock();
    const { work, events } = stoppable();
    const result = within(clock, 'the jump', 120_000, open(), work);
    const failure = expect(result).rejects.toThrow(new TimeoutError('the jump did not finish within 2 min'));
    clock.advance(119_999);
    await settled();
    expect(events).toEqual(['started']);
    clock.advance(1);
    await failure;
    expect(events).toEqual(['started', 'told to stop']);
  });

  test('answers at once when the run is cancelled', async () => {
    const controller = new AbortController();
    const { work, events } = stoppable();
    const clock = new FakeClock();
    const result = within(clock, 'x', 1000, controller.signal, work);
    const reason = new Error('cancelled');
    controller.abort(reason);
    await expect(result).rejects.toBe(reason);
    expect(events).toContain('told to stop');
    expect(clock.sleeping).toBe(0);
  });

  test('answers at once when the run was cancelled before', async () => {
    const reason = new Error('cancelled');
    await expect(within(new FakeClock(), 'x', 1000, AbortSignal.abort(reason), () => never())).rejects.toBe(
      reason,
    );
  });
});

describe('orAborted', () => {
  test('takes whichever comes first', async () => {
    const controller = new AbortController();
    expect(await orAborted(controller.signal, Promise.resolve(1))).toBe(1);
    const pending = orAborted(controller.signal, never());
    controller.abort(new Error('stop'));
    await expect(pending).rejects.toThrow('stop');
    await expect(orAborted(controller.signal, Promise.resolve(1))).resolves.toBe(1);
    await expect(orAborted(controller.signal, never())).rejects.toThrow('stop');
  });

  test('leaves no listener on a signal that lives for the whole run', async () => {
    const controller = new AbortController();
    const added = vi.spyOn(controller.signal, 'addEventListener');
    await orAborted(controller.signal, Promise.resolve());
    const options = added.mock.calls[0]?.[2];
    expect(typeof options === 'object' && options.signal?.aborted).toBe(true);
  });
});

describe('sideBySide', () => {
  test('gives both results', async () => {
    expect(
      await sideBySide(
        open(),
        async () => 1,
        async () => 'two',
      ),
    ).toEqual([1, 'two']);
  });

  test.each([0, 1])('when side %i fails the other is told to stop and waited for', async (failing) => {
    const { work, events, finish } = stoppable();
    const fails = async () => Promise.reject(new Error('first failure'));
    let isDone = false;
    const both = (failing === 0 ? sideBySide(open(), fails, work) : sideBySide(open(), work, fails)).finally(
      () => {
        isDone = true;
      },
    );
    const failure = expect(both).rejects.toThrow('first failure');
    await settled();
    expect(events).toEqual(['started', 'told to stop']);
    expect(isDone).toBe(false);
    finish();
    await failure;
  });

  test('reports the first failure, not that of the side that was told to stop', async () => {
    const stopped = async (signal: AbortSignal) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      throw new Error('a consequence');
    };
    const fails = async () => Promise.reject(new Error('the cause'));
    await expect(sideBySide(open(), stopped, fails)).rejects.toThrow('the cause');
  });

  test('a cancelled run stops both', async () => {
    const controller = new AbortController();
    const sides = [stoppable(), stoppable()] as const;
    const both = sideBySide(controller.signal, sides[0].work, sides[1].work);
    const failure = expect(both).rejects.toThrow('cancelled');
    controller.abort(new Error('cancelled'));
    for (const { events, finish } of sides) {
      expect(events).toContain('told to stop');
      finish();
    }
    await failure;
  });
});

describe('IdleTimer', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test('fires after silence, and says for how long', () => {
    const idle = new IdleTimer('nix build', 600_000);
    vi.advanceTimersByTime(599_999);
    expect(idle.signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    expect(idle.signal.reason).toEqual(new TimeoutError('nix build: no output and no bytes for 10 min'));
  });

  test('every sign of life begins the time anew', () => {
    const idle = new IdleTimer('x', 1000);
    for (let time = 0; time < 10; time++) {
      vi.advanceTimersByTime(999);
      idle.touch();
    }
    expect(idle.signal.aborted).toBe(false);
    vi.advanceTimersByTime(1000);
    expect(idle.signal.aborted).toBe(true);
  });

  test('does not fire once it was stopped', () => {
    const idle = new IdleTimer('x', 1000);
    idle.touch();
    idle.stop();
    vi.advanceTimersByTime(10_000);
    expect(idle.signal.aborted).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('a sign of life that comes after the stop wakes nothing', () => {
    const idle = new IdleTimer('x', 1000);
    idle.stop();
    idle.touch();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('systemClock', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test('sleeps as long as it says', async () => {
    let awake = false;
    const sleep = systemClock.sleep(1000).then(() => {
      awake = true;
    });
    await vi.advanceTimersByTimeAsync(999);
    expect(awake).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await sleep;
    expect(awake).toBe(true);
  });

  test('wakes at once when aborted, before or while it sleeps, and leaves no timer', async () => {
    const controller = new AbortController();
    const sleep = systemClock.sleep(1000, controller.signal);
    controller.abort(new Error('stop'));
    await expect(sleep).rejects.toThrow('stop');
    await expect(systemClock.sleep(1000, controller.signal)).rejects.toThrow('stop');
    expect(vi.getTimerCount()).toBe(0);
  });
});
