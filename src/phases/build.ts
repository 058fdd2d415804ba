import { sideBySide } from '../deadlines';
import type { PhaseContext } from './context';
import { stageKexecImage } from './kexec-image';

/** Builds what will be installed and, at the same time, brings the kexec image to the target. */
export async function build(context: PhaseContext): Promise<void> {
  const { plan, runtime } = context;
  const staging = plan.phases.includes('kexec');
  await sideBySide(
    runtime.signal,
    (signal) => buildClosures(context, signal),
    async (signal) => {
      if (staging) context.stagedImage = await stageKexecImage(context, signal);
    },
  );
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
