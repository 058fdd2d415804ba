import { flags } from './flags';
import { own } from './own';
import type { Counterpart, OwnInput, Proof } from './row';
import { terraform } from './terraform';

export const counterparts: readonly Counterpart[] = [...flags, ...terraform];
export const ownInputs: readonly OwnInput[] = own;

/** Whatever has a proof, by the name under which it is spoken of. */
export interface ProvenRow extends Proof {
  readonly name: string;
  readonly input?: string;
}

export const provenRows: readonly ProvenRow[] = [
  ...counterparts,
  ...ownInputs.map((row) => ({ ...row, name: row.input })),
];
