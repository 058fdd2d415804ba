import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { cancelledBySignal } from '../../src/cancellation';
import { failure } from '../support/runtime';

test('the first signal cancels, the second ends the run at once', async () => {
  const source = new EventEmitter();
  const { signal, atOnce } = cancelledBySignal(source);
  source.emit('SIGINT', 'SIGINT');
  expect(signal.reason).toMatchObject({ kind: 'cancelled', message: 'the job was cancelled (SIGINT)' });
  source.emit('SIGTERM', 'SIGTERM');
  expect((await failure(atOnce)).message).toBe('the job was cancelled (SIGTERM)');
});

test.each(['uncaughtException', 'unhandledRejection'])(
  'a defect that nobody caught (%s) still ends with a result, and its children with it',
  async (event) => {
    const source = new EventEmitter();
    const { signal, atOnce } = cancelledBySignal(source);
    const defect = new Error('a defect');
    source.emit(event, defect);
    expect(await failure(atOnce)).toBe(defect);
    expect(signal.reason).toBe(defect);
  },
);

test('nothing is listened to afterwards', () => {
  const source = new EventEmitter();
  cancelledBySignal(source).stop();
  expect(source.eventNames()).toEqual([]);
});
