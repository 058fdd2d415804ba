import { sideBySide } from '../deadlines';
import type { Nix } from '../nix/nix';
import type { Derivation } from '../plan/evaluation';
import type { Runtime } from '../runtime';
import type { PhaseContext } from './context';
import { stageKexecImage } from './kexec-image';
import { takeOver } from './take-over';

/** Builds what will be installed and, at the same time, gets the target ready for it. */
export async function build(context: PhaseContext): Promise<void> {
  await sideBySide(
    context.runtime.signal,
    (signal) => buildClosures(derivationsOf(context), context.nix, context.runtime, signal),
    (signal) => prepareTarget(context, signal),
  );
}

/** Makes sure that nothing of an earlier run is at work there, and brings the kexec image to a running system. */
async function prepareTarget(context: PhaseContext, signal: AbortSignal): Promise<void> {
  await takeOver(context);
  if (context.plan.phases.includes('kexec')) context.stagedImage = await stageKexecImage(context, signal);
}

/** Builds what is given; undefined entries are left out. */
export async function buildClosures(
  derivations: readonly (Derivation | undefined)[],
  nix: Nix,
  runtime: Runtime,
  signal: AbortSignal,
): Promise<void> {
  const wanted = derivations.filter((derivation) => derivation !== undefined);
  if (wanted.length === 0) return;
  const start = runtime.clock.now();
  await nix.build(
    wanted.map(({ drvPath }) => drvPath),
    signal,
  );
  const paths = wanted.map(({ outPath }) => outPath).join(' ');
  runtime.log.info(`built ${paths} in ${((runtime.clock.now() - start) / 1000).toFixed(1)} s`);
}

function derivationsOf({ plan, evaluation }: PhaseContext): readonly (Derivation | undefined)[] {
  const { phases } = plan;
  return [
    phases.includes('disko') ? evaluation.diskoScript : undefined,
    phases.includes('install') || phases.includes('update') ? evaluation.toplevel : undefined,
  ];
}
