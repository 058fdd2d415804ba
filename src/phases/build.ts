import { sideBySide } from '../deadlines';
import type { PhaseContext } from './context';
import { stageKexecImage } from './kexec-image';
import { takeOver } from './take-over';

/** Builds what will be installed and, at the same time, gets the target ready for it. */
export async function build(context: PhaseContext): Promise<void> {
  await sideBySide(
    context.runtime.signal,
    (signal) => buildClosures(context, signal),
    (signal) => prepareTarget(context, signal),
  );
}

/** Brings the kexec image to a running system; an installer that is there already may be busy for an earlier run. */
async function prepareTarget(context: PhaseContext, signal: AbortSignal): Promise<void> {
  if (context.plan.phases.includes('kexec')) context.stagedImage = await stageKexecImage(context, signal);
  else if (context.facts.isInstaller) await takeOver(context);
}

async function buildClosures(
  { plan, evaluation, nix, runtime }: PhaseContext,
  signal: AbortSignal,
): Promise<void> {
  const { toplevel, diskoScript } = evaluation;
  const wanted = [
    ...(plan.phases.includes('disko') && diskoScript !== undefined ? [diskoScript.drvPath] : []),
    ...(plan.phases.includes('install') ? [toplevel.drvPath] : []),
  ];
  if (wanted.length === 0) return;
  const start = runtime.clock.now();
  await nix.build(wanted, signal);
  runtime.log.info(
    `built ${evaluation.toplevel.outPath} in ${((runtime.clock.now() - start) / 1000).toFixed(1)} s`,
  );
}
