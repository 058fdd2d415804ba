import { systemPathOf } from '../plan/evaluation';
import { type PhaseName, type Plan, planDigest } from '../plan/plan';
import type { Progress } from '../report/result';
import type { Runtime } from '../runtime';
import { recordApproval } from './approval';
import { build } from './build';
import { cleanUp } from './clean-up';
import type { PhaseContext } from './context';
import { disko } from './disko';
import { hardwareConfig } from './hardware-config';
import { runHooks } from './hooks';
import { install } from './install';
import { kexec } from './kexec';
import { reboot } from './reboot';
import { update } from './update';
import { verify } from './verify';

/** A phase that carries out a part of the plan. */
type Step = Exclude<PhaseName, 'preflight' | 'vm-test'>;

const steps: Record<Step, (context: PhaseContext) => Promise<void>> = {
  build,
  kexec,
  'hardware-config': hardwareConfig,
  disko,
  install,
  update,
  reboot,
  verify,
};

/**
 * Carries out the plan, phase by phase, as the one run that works on this machine. Whatever happens, leaves nothing on
 * the target but what was asked for.
 */
export async function runPhases(context: PhaseContext): Promise<void> {
  recordWhatIsThere(context);
  const { plan, lease, facts, progress, runtime } = context;
  const first = phaseAfter('preflight', plan);
  if (first === undefined) return;
  await lease.take(facts.bootId, first, planDigest(plan));
  try {
    await recordApproval(context);
    // asked anew each time: a phase may have changed the plan
    for (let name: Step | undefined = first; name !== undefined; name = phaseAfter(name, context.plan)) {
      const step = name;
      await phase(step, progress, runtime, async () => {
        if (step !== first) await lease.begin(step);
        await runHooks(context, 'before', step);
        await steps[step](context);
        await runHooks(context, 'after', step);
      });
    }
  } finally {
    await cleanUp(context);
  }
}

function phaseAfter(name: PhaseName, { phases }: Plan): Step | undefined {
  return phases.slice(phases.indexOf(name) + 1).find((each) => each !== 'preflight' && each !== 'vm-test');
}

/** What is known of the machine before anything is done to it. */
function recordWhatIsThere({ facts, plan, evaluation, settings, progress }: PhaseContext): void {
  if (facts.isInstaller) progress.targetState = 'installer';
  if (plan.action !== 'nothing') return;
  progress.systemPath = facts.systemPath;
  // what is skipped may have a configuration that nothing is known of
  if (settings.onInstalled.value !== 'skip' && facts.systemPath === systemPathOf(evaluation))
    progress.targetState = 'booted';
}

/** One phase: a group in the log, a time in the result. */
export async function phase<T>(
  name: PhaseName,
  progress: Progress,
  runtime: Runtime,
  work: () => Promise<T>,
): Promise<T> {
  progress.begin(name);
  return runtime.log.group(name, async () => {
    try {
      const result = await work();
      progress.end('success');
      return result;
    } catch (error) {
      progress.end('failure');
      throw error;
    }
  });
}
