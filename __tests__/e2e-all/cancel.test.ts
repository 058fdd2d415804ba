// Runs that are cancelled, killed, or not alone on a machine: the next one goes on from where they stopped.
import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ActionResult } from '../../testbed/action.mts';
import { ensureImages } from '../../testbed/build.mts';
import { Machine } from '../../testbed/machine.mts';
import { runScenario, type Scenario, whoAreYou } from '../e2e/support';

/** Where a run is cancelled: the line that shows it, and what must be true and said then. */
interface Moment {
  readonly phase: string;
  readonly shows: RegExp;
  readonly afterMs?: number;
  readonly state: string;
  readonly says: RegExp;
}

const moments: readonly Moment[] = [
  { phase: 'build', shows: /^::group::build/, state: 'installer', says: /nothing on its disks was changed/ },
  { phase: 'disko', shows: /^disko> .*\b3\b/, state: 'partitioned', says: /disko goes on on the machine/ },
  {
    phase: 'install',
    shows: /^::group::install/,
    afterMs: 3000,
    state: 'partitioned',
    says: /old data is gone and the new system is not complete/,
  },
  {
    phase: 'install',
    shows: /^nixos-install> .*\b3\b/,
    state: 'partitioned',
    says: /nixos-install goes on on the machine/,
  },
  { phase: 'verify', shows: /^::group::verify/, state: 'installed', says: /was not seen running/ },
];

interface Cancelled extends ActionResult {
  /** From the signal to the end, in milliseconds. */
  readonly took: number;
}

async function cancelledAt({ shows, afterMs = 0 }: Moment, scenario: Scenario): Promise<Cancelled> {
  const controller = new AbortController();
  let at = 0;
  const cancel = async () => {
    await sleep(afterMs);
    at = Date.now();
    controller.abort();
  };
  const result = await runScenario({
    ...scenario,
    signal: controller.signal,
    onLine: (line) => {
      if (at === 0 && shows.test(line)) {
        at = -1;
        void cancel();
      }
    },
  });
  return { ...result, took: Date.now() - at };
}

function expectCancelled(result: Cancelled, { phase, state, says }: Moment): void {
  expect(result.code, result.log).toBe(1);
  // by itself, before the runner's second signal
  expect(result.took).toBeLessThan(7000);
  expect(result.outputs).toMatchObject({ outcome: 'failed', 'target-state': state });
  expect(result.log).toMatch(new RegExp(`was cancelled in phase ${phase}.*the job was cancelled`));
  expect(result.log).toMatch(says);
  expect(result.summary).toContain('🛑 Cancelled');
  expect(result.summary).toContain(`In phase ${phase}`);
}

async function withMachine(
  name: string,
  snapshot: 'target' | 'installer',
  work: (machine: Machine) => Promise<void>,
): Promise<void> {
  const machine = await Machine.start({ name, snapshot });
  try {
    await work(machine);
  } finally {
    await machine.stop();
  }
}

/** Waits for the installed system: for a moment the installer may still answer. */
async function untilItRuns(machine: Machine, hostName: string): Promise<void> {
  for (let tries = 0; (await whoAreYou(machine)).hostName !== hostName; tries++) {
    if (tries > 100) throw new Error(`${hostName} does not answer`);
    await sleep(2000);
  }
}

describe('an install that is not left alone', () => {
  beforeAll(() => ensureImages());

  it('is cancelled at every phase, tells the truth each time, and the next run goes on', async () => {
    await withMachine('cancel', 'installer', async (machine) => {
      const scenario = { name: 'cancel', machine, configuration: 'slow' };
      for (const moment of moments) expectCancelled(await cancelledAt(moment, scenario), moment);
      await untilItRuns(machine, 'host-cancel');
      const again = await runScenario({ ...scenario, inputs: { 'on-installed': 'skip' } });
      expect(again.outputs).toMatchObject({ outcome: 'unchanged', 'target-state': 'untouched' });
      expect(again.code).toBe(0);
    });
  });

  it('is taken on by a new run after SIGKILL on the old system, at the start of the kexec and while it reboots', async () => {
    await withMachine('killed', 'target', async (machine) => {
      let child: ChildProcess | undefined;
      const killedAt = (shows: RegExp) =>
        runScenario({
          name: 'killed',
          machine,
          onLine: (line) => void (shows.test(line) && child?.kill('SIGKILL')),
          onStart: (started) => {
            child = started;
          },
        });
      for (const shows of [/^::group::build/, /^target> .*will boot into nixos/, /^::group::verify/])
        expect((await killedAt(shows)).signal).toBe('SIGKILL');
      await untilItRuns(machine, 'host-killed');
    });
  });

  it('has the machine for itself, also across the kexec: of two runs exactly one goes on', async () => {
    await withMachine('two-runs', 'target', async (machine) => {
      const other: Promise<ActionResult>[] = [];
      const scenario = { machine, configuration: 'slow', inputs: { phases: 'kexec,disko,install' } };
      const begin = (name: string, run: string) =>
        void other.push(runScenario({ ...scenario, name, env: { GITHUB_RUN_ID: run } }));
      const first = await runScenario({
        ...scenario,
        name: 'two-runs',
        onLine: (line) => {
          // in the gap, where nobody has the lease; and in the middle of the work
          if (line === '::group::kexec') begin('two-runs-gap', '2');
          if (/^disko> .*\b3\b/.test(line)) begin('two-runs-late', '3');
        },
      });
      const results = [first, ...(await Promise.all(other))];
      expect(results.length).toBeGreaterThanOrEqual(2);
      const done = results.filter(({ code }) => code === 0);
      expect(done.map(({ outputs }) => outputs.outcome)).toEqual(['installed']);
      for (const { code, log } of results.filter((result) => result.code !== 0)) {
        expect(code).toBe(1);
        expect(log).toMatch(/another run works on this machine|the machine was rebooted while this run/);
      }
    });
  });
});
