import type { InputName } from '../src/inputs/table';

/** A test as `folder/file › title`, without `__tests__/` and `.test.ts`; the title as the source has it. */
export type TestName = `${'unit' | 'loopback' | 'bundle' | 'e2e' | 'e2e-all'}/${string} › ${string}`;

/** A change of the sources that takes a feature away, for `npm run mutate-rows`. */
export interface Patch {
  readonly file: string;
  readonly search: string;
  readonly replace: string;
}

/** What proves a row, and how it can be seen that it does. */
export interface Proof {
  /** The test that fails when the row's feature is taken away. */
  readonly test: TestName;
  /** Where ignoring the input does not take it away. */
  readonly mutation?: Patch;
}

/** One flag, variable or parameter of nixos-anywhere. */
export interface Counterpart extends Proof {
  /** As nixos-anywhere writes it. */
  readonly name: string;
  /** What it is here; undefined where it is no input. */
  readonly input?: InputName;
  /** What it is here, where that is no input, or more than one. */
  readonly here?: string;
  /** As the table of inputs has it; empty where there is none. */
  readonly default: string;
  /** Where we differ, and why; empty where we do not. */
  readonly differs: string;
}

/** An input that nixos-anywhere has not. */
export interface OwnInput extends Proof {
  readonly input: InputName;
  readonly why: string;
}
