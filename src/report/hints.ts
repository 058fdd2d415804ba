import type { KnownFailure } from './known/failure';
import { kexecFailures } from './known/kexec';
import { loginFailures, loginFallbacks } from './known/login';
import { machineFailures, machineFallbacks } from './known/machine';
import { nixFailures, nixFallbacks } from './known/nix';
import type { Failure } from './result';

/** In this order: the first that fits is it. */
export const knownFailures = [...loginFailures, ...kexecFailures, ...machineFailures, ...nixFailures];
/** After all of those, since whatever is known of the reason is better advice. */
export const fallbacks = [...loginFallbacks, ...machineFallbacks, ...nixFallbacks];

export type KnownId = (typeof knownFailures)[number]['id'] | (typeof fallbacks)[number]['id'];

/** What a failure is recognised by. */
export type Said = Pick<Failure, 'kind' | 'phase' | 'message' | 'lastLines'>;

/**
 * The known failure that this is, if it is one. What the message says counts for more than what was printed before it:
 * that may have been of no consequence.
 */
export function recognise({ kind, phase, message, lastLines }: Said): KnownFailure | undefined {
  const fits = ({ where }: KnownFailure) =>
    where.some(({ kinds, phases }) => kinds.includes(kind) && (phases?.includes(phase) ?? true));
  const possible = (among: readonly KnownFailure[]) => among.filter(fits);
  const texts = [beginnings(message.split('\n')), beginnings(lastLines)];
  for (const among of [possible(knownFailures), possible(fallbacks)])
    for (const text of texts) {
      const found = among.find(({ says }) => says.test(text));
      if (found !== undefined) return found;
    }
  return undefined;
}

/** What takes a regular expression long is a long line; of those only the beginning says something. */
const mostCharacters = 2000;

function beginnings(lines: readonly string[]): string {
  return lines.map((line) => line.slice(0, mostCharacters)).join('\n');
}
