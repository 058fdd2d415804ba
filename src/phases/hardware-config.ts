import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GuardError, RemoteCommandError } from '../errors';
import type { HardwareBackend, HardwareConfig } from '../inputs/settings';
import type { CheckedSituation } from '../plan/checks';
import { describeConfiguration } from '../plan/configuration';
import { readInventory } from '../plan/disks/inventory';
import { diskPaths } from '../plan/disks/paths';
import { restOf, revisePlan } from '../plan/revise';
import { configurationWarnings } from '../plan/warnings';
import { describePlan } from '../report/describe-plan';
import * as scripts from '../ssh/scripts';
import { buildHere } from './build';
import type { PhaseContext } from './context';
import { whileSilent } from './detached-work';
import { tellGit, writeWhole } from './hardware-file';

/**
 * Has the installer describe the machine in a file of the checkout. What depends on that file, from the evaluation on,
 * is then done again, before any disk is touched.
 */
export async function hardwareConfig(context: PhaseContext): Promise<void> {
  const { settings, runtime, progress, plan, hardwareFile } = context;
  const hardware = settings.hardwareConfig.value;
  if (hardware === undefined) throw new Error('the plan has this phase only where a file is named');
  const text = await askMachine(context, hardware);
  const changed = await writeWhole(hardware.path, text);
  progress.hardwareConfig = hardware.path;
  await tellGit(hardware.path, runtime);
  runtime.log.info(
    changed
      ? `${hardware.backend} of the machine has written ${hardware.path}`
      : `${hardware.path} says already what ${hardware.backend} says of the machine`,
  );
  if (!plan.phases.includes('disko') && !plan.phases.includes('install')) return;
  // what was evaluated, shown and built is what there is; unless a hook has made the file meanwhile
  if (!changed && hardwareFile === 'there') return;
  await decideAnew(context);
  await buildHere(context, runtime.signal);
}

async function askMachine({ target, runtime }: PhaseContext, { backend }: HardwareConfig): Promise<string> {
  try {
    const work = { name: backend, onLine: (line: string) => runtime.log.foreign(backend, line) };
    const { stdout } = await whileSilent(runtime, work, ({ onLine }) =>
      target.run(scripts.hardwareConfig, [backend], { privileged: true, onErrorLine: onLine }),
    );
    const text = stdout.endsWith('\n') ? stdout : `${stdout}\n`;
    await checks[backend](text, runtime);
    return text;
  } catch (error) {
    if (!(error instanceof RemoteCommandError)) throw error;
    throw new RemoteCommandError(`the machine could not be described: ${error.message}`, {
      cause: error,
      lastLines: error.lastLines,
      exitCode: error.exitCode,
      hint: `use an installer that has ${backend} (those of nixos-images do), or let the machine reach the Internet, where nixos-facter is fetched from`,
    });
  }
}

type Check = (text: string, runtime: PhaseContext['runtime']) => void | Promise<void>;

/** What cannot be a description of a machine does not replace one. */
const checks: Record<HardwareBackend, Check> = {
  'nixos-facter': (text) => {
    if (!isFacterReport(text)) throw notADescription('nixos-facter', 'no report as JSON', text);
  },
  'nixos-generate-config': async (text, { processes, privateFolder, signal }) => {
    const file = join(privateFolder, 'hardware-configuration.nix');
    await writeFile(file, text);
    // parsed, not evaluated: that is for the flake to do, which has less to look at
    const result = await processes.run('nix-instantiate', ['--parse', file], { signal, idleMs: 60_000 });
    const why = result.errorLines.find((line) => line.includes('error:')) ?? '';
    if (result.code !== 0 || text.trim() === '')
      throw notADescription('nixos-generate-config', `no Nix expression (${why.trim() || 'empty'})`, text);
  },
};

function isFacterReport(text: string): boolean {
  try {
    const report: unknown = JSON.parse(text);
    if (typeof report !== 'object' || report === null) return false;
    const { version, system, hardware }: Record<string, unknown> = { ...report };
    return (
      typeof version === 'number' &&
      typeof system === 'string' &&
      typeof hardware === 'object' &&
      hardware !== null
    );
  } catch {
    return false;
  }
}

function notADescription(backend: string, what: string, text: string): GuardError {
  return new GuardError(`${backend} on the machine has printed ${what}; the file was left as it was`, {
    lastLines: text.split('\n').slice(0, 20),
    hint: 'see what it prints on the machine; another installer (kexec) may have another version of it',
  });
}

/** Evaluates with the file, and makes the plan of it that the rest of the run carries out. */
async function decideAnew(context: PhaseContext): Promise<void> {
  const { settings, nix, runtime, target, facts, plan, progress } = context;
  const described = await describeConfiguration(settings, nix, runtime, {
    system: `${facts.architecture}-linux`,
  });
  const situation: CheckedSituation = {
    settings,
    ...described,
    // some kernels lose sight of it in the kexec; the machine has the firmware that it had
    facts: { ...facts, uefi: plan.online.observed.uefi },
    inventory: await readInventory(target, diskPaths(settings, described.evaluation)),
  };
  const revised = revisePlan(plan, situation);
  context.evaluation = described.evaluation;
  context.plan = revised;
  progress.plan = { ...revised, work: null };
  runtime.log.info(describePlan(progress.plan));
  // of a plan that was not provisional they were shown
  if (!plan.offline.provisional) return;
  for (const warning of configurationWarnings(situation, restOf(revised))) runtime.log.warning(warning);
}
