import type { RunCache } from '../cache/run-cache';
import type { MachineSettings } from '../inputs/settings';
import type { Nix } from '../nix/nix';
import type { Evaluation } from '../plan/evaluation';
import type { ExtraFiles } from '../plan/extra-files';
import type { Facts } from '../plan/facts';
import type { HardwareFile } from '../plan/hardware-config';
import type { Plan } from '../plan/plan';
import type { Progress } from '../report/result';
import type { Runtime } from '../runtime';
import type { Target } from '../ssh/target';
import type { CleanUp } from './clean-up';
import type { Lease } from './lease';

/** What a run works with, whatever it does. */
export type Tools = Pick<PhaseContext, 'nix' | 'cache' | 'runtime' | 'progress'>;

/** What a phase works with. */
export interface PhaseContext {
  readonly settings: MachineSettings;
  readonly runtime: Runtime;
  readonly nix: Nix;
  readonly cache: RunCache;
  readonly target: Target;
  /** What of the runner goes into the new system, as the plan says. */
  readonly extraFiles: ExtraFiles | undefined;
  /** Whether the evaluation saw the file that the machine is to write; undefined where it is not to write one. */
  readonly hardwareFile: HardwareFile | undefined;
  readonly progress: Progress;
  /** Where a phase says what it leaves on the target for a while. */
  readonly cleanUp: CleanUp;
  readonly lease: Lease;
  /** What is installed, and what is to be done for it: what is only learned in the installer changes both. */
  evaluation: Evaluation;
  plan: Plan;
  /** The facts of the boot that runs now. */
  facts: Facts;
  /** Where the kexec image lies unpacked on the target, once it was staged. */
  stagedImage: string | undefined;
}
