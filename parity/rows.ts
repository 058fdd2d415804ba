import { inputs } from '../src/inputs/table';
import { flags } from './flags';
import { own } from './own';
import type { Counterpart, OwnInput, Proof } from './row';
import { terraform } from './terraform';

export const counterparts: readonly Counterpart[] = [...flags, ...terraform];

const order = inputs.map(({ name }) => name);
/** In the order of the README. */
export const ownInputs: readonly OwnInput[] = own.toSorted(
  (a, b) => order.indexOf(a.input) - order.indexOf(b.input),
);

/** Whatever has a proof, by the name under which it is spoken of. */
export interface ProvenRow extends Proof {
  readonly name: string;
  readonly input?: string;
}

export const provenRows: readonly ProvenRow[] = [
  ...counterparts,
  ...ownInputs.map((row) => ({ ...row, name: row.input })),
];
