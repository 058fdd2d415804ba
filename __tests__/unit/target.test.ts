import { type AddressInfo, createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { CancelledError } from '../../src/errors';
import { systemClock } from '../../src/runtime';
import { HostKeyTrust } from '../../src/ssh/host-key-trust';
import { Target } from '../../src/ssh/target';
import { fakeRuntime, makeTestKey } from './support';

test('whoever joins an attempt to connect does not share its cancel', async () => {
  let attempts = 0;
  const server = createServer((socket) => {
    attempts += 1;
    socket.on('error', () => undefined);
    // the second one is answered, if not as it should be
    if (attempts > 1) socket.end('not SSH\r\n');
    onTestFinished(() => void socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const target = new Target(
    {
      endpoint: { host: '127.0.0.1', port: (server.address() as AddressInfo).port, user: 'root' },
      login: { privateKey: makeTestKey() },
      trust: HostKeyTrust.firstSeen(),
      connectMs: 1000,
      idleMs: 1000,
    },
    fakeRuntime({ clock: systemClock }),
  );
  const first = new AbortController();
  const cancelled = target.connect(first.signal);
  const joined = target.connect(new AbortController().signal);
  setTimeout(() => first.abort(new CancelledError('the job was cancelled')), 100);
  await expect(cancelled).rejects.toThrow('the job was cancelled');
  await expect(joined).rejects.not.toThrow('the job was cancelled');
  expect(attempts).toBeGreaterThan(1);
});
