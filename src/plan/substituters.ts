import type { MachineSettings } from '../inputs/settings';
import type { Evaluation } from './evaluation';

/** The configuration's substituters, and the keys whose signatures it trusts. */
export type Substituters = Pick<Evaluation, 'substituters' | 'trustedPublicKeys'>;

/** Those of them that the target is told. */
export function toldSubstituters({ copy }: MachineSettings, evaluation: Evaluation): Substituters {
  const none = copy.noMachineSubstituters.value || copy.noSubstitutes.value;
  const { substituters, trustedPublicKeys } = evaluation;
  return none ? { substituters: [], trustedPublicKeys: [] } : { substituters, trustedPublicKeys };
}
