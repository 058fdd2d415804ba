import type { KnownId } from '../src/report/hints';
import { kexecSamples } from './samples/kexec';
import { loginSamples } from './samples/login';
import { machineSamples } from './samples/machine';
import { nixSamples } from './samples/nix';
import type { Sample } from './samples/sample';

/** One of each known failure at least. */
export const samplesOf: Readonly<Record<KnownId, readonly Sample[]>> = {
  ...loginSamples,
  ...kexecSamples,
  ...machineSamples,
  ...nixSamples,
};

export interface KnownSample extends Sample {
  readonly id: string;
}

export const samples: readonly KnownSample[] = Object.entries(samplesOf).flatMap(([id, all]) =>
  all.map((sample) => ({ id, ...sample })),
);
