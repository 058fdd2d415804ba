import { systemPathOf } from '../plan/evaluation';
import { type PhaseName, planDigest } from '../plan/plan';
import type { Progress } from '../report/result';
import type { Runtime } from '../runtime';
import { recordApproval } from './approval';
import { build } from './build';
import { cleanUp } from './clean-up';
import type { PhaseContext } from './context';
import { disko } from './disko';
import { install } from './install';
import { kexec } from './kexec';
import { reboot } from './reboot';
import { update } from './update';
import { verify } from './verify';

const steps: Record<Exclude<PhaseName, 'preflight'>, (context: PhaseContext) => Promise<void>> = {
  build,
  kexec,
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
  const names = plan.phases.filter((name) => name !== 'preflight');
  const [first] = names;
  if (first === undefined) return;
  await lease.take(facts.bootId, first, planDigest(plan));
  try {
    await recordApproval(context);
    for (const name of names) {
      await phase(name, progress, runtime, async () => {
        if (name !== first) await lease.begin(name);
        await steps[name](context);
      });
    }
  } finally {
    await cleanUp(context);
  }
}

/** What is known of the machine before anything is done to it. */
function recordWhatIsThere({ facts, plan, evaluation, settings, progress }: PhaseContext): void {
  if (facts.isInstaller) progress.targetState = 'installer';
  if (plan.action !== 'nothing') return;
  progress.systemPath = facts.systemPath;
  const isWanted = facts.systemPath === systemPathOf(evaluation) && settings.onInstalled.value !== 'skip';
  if (isWanted) progress.targetState = 'booted';
}

/** One phase: a group in the log, a time in the result. */
export async function phase<T>(
  name: PhaseName,
  progress: Progress,
  runtime: Runtime,
  work: () => Promise<T>,
): Promise<T> {
  const start = runtime.clock.now();
  progress.begin(name);
  return runtime.log.group(name, async () => {
    try {
      const result = await work();
      progress.end('success', runtime.clock.now() - start);
      return result;
    } catch (error) {
      progress.end('failure', runtime.clock.now() - start);
      throw error;
    }
  });
}
