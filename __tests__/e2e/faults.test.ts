import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { ensureImages } from '../../testbed/build.mts';
import { Machine } from '../../testbed/machine.mts';
import { FaultProxy } from '../../testbed/proxy.mts';
import { runScenario } from './support';

/** The places in an install at which something breaks. Each is recognised by what the action prints. */
const moments = ['disko', 'copy', 'nixos-install'] as const;
type Moment = (typeof moments)[number];

/** Calls back once in the middle of each moment: when the slow work has begun, or some MB of the closure have passed. */
class MomentWatcher {
  readonly #onMoment: (moment: Moment) => void;
  readonly #proxy: FaultProxy;
  readonly seen: Moment[] = [];

  constructor(proxy: FaultProxy, onMoment: (moment: Moment) => void) {
    this.#proxy = proxy;
    this.#onMoment = onMoment;
  }

  readonly onLine = (line: string): void => {
    if (/^disko> .*\b3\b/.test(line)) this.#reach('disko');
    if (/^nixos-install> .*\b3\b/.test(line)) this.#reach('nixos-install');
    if (line === '::group::install') void this.#awaitBytes();
  };

  async #awaitBytes(): Promise<void> {
    const begin = this.#proxy.bytesToTarget;
    while (this.#proxy.bytesToTarget - begin < 30e6) await sleep(50);
    this.#reach('copy');
  }

  #reach(moment: Moment): void {
    if (this.seen.includes(moment)) return;
    this.seen.push(moment);
    this.#onMoment(moment);
  }
}

interface Fault {
  readonly proxy: FaultProxy;
  readonly watcher: MomentWatcher;
}

/** An installer with a network in front of it that can be broken, and the `slow` configuration to install. */
async function withInstaller(
  name: string,
  onMoment: (moment: Moment, proxy: FaultProxy) => void,
  work: (machine: Machine, fault: Fault) => Promise<void>,
): Promise<void> {
  const machine = await Machine.start({ name, snapshot: 'installer' });
  const proxy = await FaultProxy.listen({ host: '127.0.0.1', port: machine.port });
  const watcher = new MomentWatcher(proxy, (moment) => onMoment(moment, proxy));
  try {
    await work(machine, { proxy, watcher });
  } finally {
    await proxy.close();
    await machine.stop();
  }
}

const inputs = (proxy: FaultProxy) => ({
  'ssh-port': String(proxy.port),
  'post-kexec-ssh-port': String(proxy.port),
  phases: 'disko,install',
});

async function expectInstalled(machine: Machine, system: string | undefined): Promise<void> {
  expect(system).toMatch(/^\/nix\/store\//);
  const { stdout } = await machine.ssh(
    `test -d /mnt${system} && ls /mnt/boot/loader/entries && pgrep -c nix-daemon`,
  );
  expect(stdout).toContain('nixos-generation-1.conf');
  // no store daemon stays behind, with its locks
  expect(stdout.trim().split('\n').at(-1)).toBe('0');
}

describe('an install through a network that breaks', () => {
  beforeAll(() => ensureImages());

  it.each(['cut', 'blackhole'] as const)(
    'survives a %s in disko, closure copy and nixos-install',
    async (fault) => {
      const breakIt = (_: Moment, proxy: FaultProxy) => proxy[fault]();
      await withInstaller(fault, breakIt, async (machine, { proxy, watcher }) => {
        const result = await runScenario({
          name: fault,
          machine,
          configuration: 'slow',
          inputs: inputs(proxy),
          onLine: watcher.onLine,
        });
        expect(watcher.seen).toEqual([...moments]);
        expect(result.outputs).toMatchObject({ outcome: 'installed', 'target-state': 'installed' });
        expect(result.code).toBe(0);
        // each fault was noticed
        expect(
          result.log.match(/^::warning::the connection .* was lost during /gm)?.length,
        ).toBeGreaterThanOrEqual(3);
        await expectInstalled(machine, result.outputs['system-path']);
      });
    },
  );

  it('is completed by a new run after SIGKILL in disko, closure copy and nixos-install', async () => {
    let child: ChildProcess | undefined;
    const kill = () => child?.kill('SIGKILL');
    await withInstaller('sigkill', kill, async (machine, { proxy, watcher }) => {
      const run = () =>
        runScenario({
          name: 'sigkill',
          machine,
          configuration: 'slow',
          inputs: inputs(proxy),
          onLine: watcher.onLine,
          onStart: (started) => {
            child = started;
          },
        });
      for (const moment of moments) {
        const killed = await run();
        expect(killed.signal).toBe('SIGKILL');
        expect(watcher.seen.at(-1)).toBe(moment);
      }
      const result = await run();
      expect(result.outputs).toMatchObject({ outcome: 'installed', 'target-state': 'installed' });
      expect(result.code).toBe(0);
      await expectInstalled(machine, result.outputs['system-path']);
    });
  });
});
