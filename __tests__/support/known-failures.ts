// Holds what a program really said against the samples of docs/errors.md, and against what is known about it.
import { expect } from 'vitest';
import { type KnownSample, samples } from '../../parity/samples';
import { ActionError, errorMessage } from '../../src/errors';
import { recognise, type Said } from '../../src/report/hints';
import { literally } from './named-tests';

/** The sample of this very text. */
function sampleOf(text: string): KnownSample {
  const found = samples.find((sample) => sample.text === text);
  if (found === undefined) throw new Error(`no sample in parity/samples says ${text}`);
  return found;
}

/** What an error says in the phase in which it is thrown. */
export function saidBy(error: unknown, phase: Said['phase']): Said {
  const known = error instanceof ActionError ? error : undefined;
  expect(known?.hint, 'an error that has advice of its own is not looked up').toBeUndefined();
  return {
    kind: known?.kind ?? 'unexpected',
    phase,
    message: errorMessage(error),
    lastLines: known?.lastLines ?? [],
  };
}

/** The error says what the sample says, where the sample says it, and is recognised. */
export function expectKnown(text: string, error: unknown): void {
  const sample = sampleOf(text);
  const said = saidBy(error, sample.phase);
  const all = [said.message, ...said.lastLines].join('\n');
  expect(said.kind, all).toBe(sample.kind);
  expect(all).toMatch(new RegExp(text.split('…').map(literally).join('[^\\n]*')));
  expect(recognise(said)?.id, all).toBe(sample.id);
}
