// Lines that say how far long work is, with time that passes only when told to.
import { setImmediate as turn } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { bytesOf, type Reading, withProgressLines } from '../../src/progress-lines';
import { systemClock } from '../../src/runtime';
import { FakeClock, RecordingLog } from './support';

/** Work that ends when told to, and what is said of it. */
function begin(read: () => Reading | undefined) {
  const clock = new FakeClock();
  const log = new RecordingLog();
  let end: (error?: Error) => void = () => undefined;
  const work = withProgressLines({ log, clock }, 'sending it', read, () => {
    return new Promise<string>((resolve, reject) => {
      end = (error) => (error === undefined ? resolve('done') : reject(error));
    });
  });
  const pass = async (seconds: number) => {
    for (let second = 0; second < seconds; second++) {
      clock.advance(1000);
      await turn();
    }
  };
  return { clock, log, work, pass, end: (error?: Error) => end(error) };
}

test('lines come after 10, 30 and 60 seconds, then each minute: an hour has 62', async () => {
  const { clock, log, pass, work, end } = begin(() => ({ done: 'much' }));
  await pass(9);
  expect(log.lines).toEqual([]);
  await pass(171);
  expect(log.lines).toEqual(
    ['10 s', '30 s', '60 s', '2 min', '3 min'].map((time) => `info: sending it for ${time}: much`),
  );
  await pass(3420);
  expect(log.lines).toHaveLength(62);
  expect(log.lines.at(-1)).toBe('info: sending it for 60 min: much');
  end();
  expect(await work).toBe('done');
  await turn();
  expect(clock.sleeping).toBe(0);
});

test('the rate is that since the last line, and a line says when nothing has moved', async () => {
  let bytes = 2_000_000;
  const { log, pass } = begin(() => ({ done: bytesOf(bytes, 64e6), bytes }));
  bytes = 12_000_000;
  await pass(10);
  bytes = 16_000_000;
  await pass(20);
  await pass(30);
  await pass(60);
  bytes = 46_000_000;
  await pass(60);
  // a new connection has sent nothing yet
  bytes = 0;
  await pass(60);
  expect(log.lines).toEqual([
    'info: sending it for 10 s: 12.0 MB of 64.0 MB, 1.0 MB/s',
    'info: sending it for 30 s: 16.0 MB of 64.0 MB, 200.0 kB/s',
    'info: sending it for 60 s: 16.0 MB of 64.0 MB, no bytes for 30 s',
    'info: sending it for 2 min: 16.0 MB of 64.0 MB, no bytes for 90 s',
    'info: sending it for 3 min: 46.0 MB of 64.0 MB, 500.0 kB/s',
    'info: sending it for 4 min: 0 B of 64.0 MB',
  ]);
});

test('where nothing is known the time is, and what goes on is said last', async () => {
  const readings: (Reading | undefined)[] = [
    // asked at the beginning
    undefined,
    { done: '' },
    undefined,
    { done: '', now: 'now this' },
    { done: 'some', bytes: 0, now: 'now that' },
  ];
  const { log, pass } = begin(() => readings.shift());
  await pass(120);
  expect(log.lines).toEqual([
    'info: sending it for 10 s',
    'info: sending it for 60 s: now this',
    'info: sending it for 2 min: some, no bytes for 2 min; now that',
  ]);
});

test('a failure of the work is its failure, and ends the lines', async () => {
  const { clock, log, pass, work, end } = begin(() => ({ done: '' }));
  await pass(10);
  end(new Error('no'));
  await expect(work).rejects.toThrow('no');
  await pass(100);
  expect(log.lines).toEqual(['info: sending it for 10 s']);
  expect(clock.sleeping).toBe(0);
});

test('a clock that is set forward makes one line due, and not all between', async () => {
  const { clock, log, pass } = begin(() => ({ done: '' }));
  await pass(5);
  clock.advance(24 * 3600_000);
  await turn();
  await pass(50);
  expect(log.lines).toEqual(['info: sending it for 1440 min 5 s']);
  await pass(10);
  expect(log.lines.at(-1)).toBe('info: sending it for 1441 min');
  expect(log.lines).toHaveLength(2);
});

test('a clock that is set back silences nothing', async () => {
  let back = 0;
  const clock = new FakeClock();
  const log = new RecordingLog();
  const shifted = {
    now: () => clock.now() - back,
    sleep: (ms: number, signal?: AbortSignal) => clock.sleep(ms, signal),
  };
  const ending = Promise.withResolvers<void>();
  const work = withProgressLines(
    { log, clock: shifted },
    'sending it',
    () => ({ done: '' }),
    () => ending.promise,
  );
  for (let second = 0; second < 120; second++) {
    if (second === 20) back = 3600_000;
    clock.advance(1000);
    await turn();
  }
  expect(log.lines).toHaveLength(4);
  expect(log.lines.at(-1)).toBe('info: sending it for 0 s');
  ending.resolve();
  await work;
});

test('the time of a run is not that of a clock that somebody sets', () => {
  const before = systemClock.now();
  expect(Math.abs(before - Date.now())).toBeLessThan(60_000);
  vi.spyOn(Date, 'now').mockReturnValue(0);
  expect(systemClock.now()).toBeGreaterThanOrEqual(before);
  vi.restoreAllMocks();
});
