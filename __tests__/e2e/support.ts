import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type ActionOptions, type ActionResult, runAction } from '../../testbed/action.mts';
import { flakeCopy } from '../../testbed/build.mts';
import type { Machine } from '../../testbed/machine.mts';
import { cacheFolder, kexecImage, nixEnvironment, sshKey } from '../../testbed/paths.mts';
import { distinctLines, expectNoLeak } from '../support/leak';

/** Only there once the images are built. */
export function privateKey(): string {
  return readFileSync(sshKey, 'utf8');
}
/** Logs, summaries and result files of the last run of each scenario stay here. */
const scenarios = join(cacheFolder, 'e2e');

export interface Scenario {
  /** Names the folder in which logs are kept. */
  readonly name: string;
  readonly machine: Machine;
  /** In the demo flake. Default: demo. */
  readonly configuration?: string;
  readonly hostName?: string;
  /** The disk that the configuration names. */
  readonly disk?: string;
  /** On top of, or in place of, those that every scenario needs. */
  readonly inputs?: Record<string, string>;
  /** On top of what the testbed's Nix needs. */
  readonly env?: Record<string, string>;
  /** Cancels the run as a runner does. */
  readonly signal?: AbortSignal;
  readonly onLine?: ActionOptions['onLine'];
  readonly onStart?: ActionOptions['onStart'];
}

/** Where the run of a scenario keeps its files. */
export function scenarioFolder(name: string): string {
  return join(scenarios, name);
}

/** Runs the bundled action against a machine, with the host key pinned. */
export async function runScenario(scenario: Scenario): Promise<ActionResult> {
  const { machine, configuration = 'demo', hostName = `host-${scenario.name}`, inputs } = scenario;
  const dir = scenarioFolder(scenario.name);
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  const flake = join(dir, 'flake');
  flakeCopy(flake, { hostName, ...(scenario.disk === undefined ? {} : { disk: scenario.disk }) });
  const port = String(machine.port);
  const result = await runAction({
    inputs: {
      flake: `path:${flake}#${configuration}`,
      'target-host': 'root@127.0.0.1',
      'ssh-port': port,
      'post-kexec-ssh-port': port,
      'ssh-private-key': privateKey(),
      kexec: kexecImage,
      ...inputs,
    },
    env: { ...nixEnvironment(), ...scenario.env },
    dir,
    ...(scenario.signal === undefined ? {} : { signal: scenario.signal }),
    ...(scenario.onLine === undefined ? {} : { onLine: scenario.onLine }),
    ...(scenario.onStart === undefined ? {} : { onStart: scenario.onStart }),
  });
  // the leak test is part of every scenario
  expectNoLeak(result, distinctLines(privateKey()));
  return result;
}

/** What the machine says of itself, over OpenSSH's own client. */
export async function whoAreYou(
  machine: Machine,
): Promise<{ hostName: string; system: string; release: string }> {
  const { stdout } = await machine.ssh(
    'hostname; readlink -f /run/current-system; grep ^PRETTY_NAME= /etc/os-release',
  );
  const [hostName = '', system = '', release = ''] = stdout.split('\n');
  return { hostName, system, release };
}

export interface PhaseTime {
  readonly name: string;
  readonly outcome: string;
  readonly seconds: number;
}

export function phasesOf(result: ActionResult): PhaseTime[] {
  return JSON.parse(result.outputs.phases ?? '[]');
}
