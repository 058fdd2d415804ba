import { describe, expect, test } from 'vitest';
import { ConnectionError, GuardError } from '../../src/errors';
import { CleanUp } from '../../src/phases/clean-up';
import { Lease } from '../../src/phases/lease';
import { HostKeyTrust } from '../../src/ssh/host-key-trust';
import type { RemoteResult } from '../../src/ssh/running-script';
import { Target } from '../../src/ssh/target';
import { FakeClock, fakeRuntime } from './support';

/** A machine whose answers to the lease's questions are given, in turn; the last goes on. */
class Machine extends Target {
  readonly asked: string[] = [];
  readonly answers: string[] = [];

  constructor() {
    const endpoint = { host: 'x', port: 22, user: 'root' };
    const trust = HostKeyTrust.firstSeen();
    super({ endpoint, login: { privateKey: '' }, trust, connectMs: 1, idleMs: 1 }, fakeRuntime());
  }

  override async run(_script: unknown, [verb = '']: readonly string[]): Promise<RemoteResult> {
    this.asked.push(verb);
    const state = this.answers.length > 1 ? this.answers.shift() : this.answers[0];
    return { code: 0, stdout: `state=${state ?? 'taken'}\n`, errorLines: [] };
  }
}

function leaseOf(machine: Machine, clock = new FakeClock()) {
  const runtime = fakeRuntime({ clock });
  const identity = { run: '', attempt: 1, job: '' };
  return new Lease({ target: machine, runtime, cleanUp: new CleanUp(), identity });
}

describe('after a lost connection', () => {
  const interrupted = (done: string[]) => async () => {
    done.push('work');
    if (done.length === 1) throw new ConnectionError('dropped', 'the connection was lost');
  };

  test('interrupted work goes on once it is known that the machine is still ours', async () => {
    const machine = new Machine();
    await leaseOf(machine).take('boot', 'install', '');
    const done: string[] = [];
    await machine.survivingDrops('work', interrupted(done));
    expect(done).toEqual(['work', 'work']);
    expect(machine.asked).toEqual(['take', 'renew']);
  });

  test('and not where another run has taken the machine over', async () => {
    const machine = new Machine();
    await leaseOf(machine).take('boot', 'install', '');
    machine.answers.push('lost');
    const done: string[] = [];
    await expect(machine.survivingDrops('work', interrupted(done))).rejects.toThrow(GuardError);
    expect(done).toEqual(['work']);
  });

  test('nobody is asked once the lease has ended', async () => {
    const machine = new Machine();
    const lease = leaseOf(machine);
    await lease.take('boot', 'kexec', '');
    lease.end();
    await machine.survivingDrops('work', interrupted([]));
    expect(machine.asked).toEqual(['take']);
  });
});

test.each([
  ['build', ['take', 'renew']],
  ['hardware-config', ['take', 'renew']],
  ['disko', ['take']],
])('without a connection, %s: who connects again', async (phase, asked) => {
  const [machine, clock] = [new Machine(), new FakeClock()];
  const lease = leaseOf(machine, clock);
  await lease.take('boot', phase, '');
  clock.advance(10_000);
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(machine.asked).toEqual(asked);
  lease.end();
});
