import type { TestName } from './row';

/** What a user wants to do, where docs/ says how, and the test that carries it out as it stands there. */
export interface HowTo {
  /** Completes "You want to". */
  readonly wish: string;
  /** Below docs/. */
  readonly page: string;
  readonly heading: string;
  /** Compares what one sees with what the section shows. */
  readonly test: TestName;
}

/** The first steps. */
const beginning: readonly HowTo[] = [];

/** Machines that are not as usual, and the ways to them. */
const machines: readonly HowTo[] = [];

/** What is installed, and the secrets that belong to it. */
const systems: readonly HowTo[] = [];

/** What comes after the install, and from where one comes. */
const afterwards: readonly HowTo[] = [];

export const howTos: readonly { readonly title: string; readonly rows: readonly HowTo[] }[] = [
  { title: 'Begin', rows: beginning },
  { title: 'The machine, and the way to it', rows: machines },
  { title: 'The system, and its secrets', rows: systems },
  { title: 'Afterwards, and from elsewhere', rows: afterwards },
];
