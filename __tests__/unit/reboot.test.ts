import { expect, test } from 'vitest';
import { ConnectionError } from '../../src/errors';
import type { PhaseContext } from '../../src/phases/context';
import { reboot } from '../../src/phases/reboot';
import { installer } from '../support/situation';
import { fakeRuntime } from './support';

test('a reboot whose answer was lost is told once more, without the lease: the new system may answer already', async () => {
  const done: string[] = [];
  const target = {
    run: async () => {
      done.push('told');
      if (done.length === 1) throw new ConnectionError('dropped', 'the connection was lost');
    },
    close: () => undefined,
  };
  const context = {
    target,
    runtime: fakeRuntime(),
    cleanUp: { forgetAll: () => undefined },
    lease: { end: () => void done.push('lease ended') },
    facts: installer,
  };
  await reboot(context as unknown as PhaseContext);
  expect(done.slice(0, 3)).toEqual(['told', 'lease ended', 'told']);
});
