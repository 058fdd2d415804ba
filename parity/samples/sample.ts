import type { ErrorKind } from '../../src/errors';
import type { PhaseName } from '../../src/plan/plan';
import type { TestName } from '../row';

/** What the log says of a known failure, and how we came to know. */
export interface Sample {
  /** `…` is any text. */
  readonly text: string;
  readonly kind: ErrorKind;
  readonly phase: PhaseName | null;
  readonly source: Source;
}

/** `real`: this test makes the program say it, and compares. `imitated`: why none does, and from where the text is. */
export type Source = { readonly real: TestName } | { readonly imitated: string };

/** Where it is said. */
export type Place = `${ErrorKind} ${PhaseName | 'before'}`;

export function real(test: TestName, place: Place, ...texts: readonly string[]): Sample[] {
  return samplesOf({ real: test }, place, texts);
}

export function imitated(why: string, place: Place, ...texts: readonly string[]): Sample[] {
  return samplesOf({ imitated: why }, place, texts);
}

function samplesOf(source: Source, place: Place, texts: readonly string[]): Sample[] {
  const [kind, phase] = place.split(' ') as [ErrorKind, PhaseName | 'before'];
  return texts.map((text) => ({ text, kind, phase: phase === 'before' ? null : phase, source }));
}
