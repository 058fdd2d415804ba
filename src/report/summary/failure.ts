import { formatDuration } from '../../deadlines';
import type { ErrorKind } from '../../errors';
import { block, escapeMarkdown, folded } from '../markdown';
import { errorPage } from '../pages';
import type { Failure, Result } from '../result';
import { describeState } from '../states';
import { secondsInAll } from './phases';

const kinds: Record<ErrorKind, string> = {
  input: 'an input is wrong',
  connection: 'the connection failed',
  'remote-command': 'a command failed on the machine',
  nix: 'Nix failed',
  timeout: 'it took too long',
  guard: 'refused, for safety',
  hook: 'a hook failed',
  cancelled: 'cancelled',
  unexpected: 'unexpected, maybe a defect of the action',
};

/** Whoever reads this may be in fear for a machine: what became of it comes first, then why, and what to do. */
export function failureSection(result: Result, failure: Failure): string[] {
  const { message, hint, resume, lastLines } = failure;
  return [
    `${whereFailed(result, failure)}${stateOf(result, failure)}`,
    block(message.split('\n')),
    ...(hint === null ? [] : [`**What to do:** ${escapeMarkdown(hint)}`]),
    ...(resume === null ? [] : [`**How to go on:** ${escapeMarkdown(resume)}`]),
    `More about it: ${errorPage(failure)}`,
    ...(lastLines.length === 0 ? [] : folded('Last lines', [block(lastLines)], 'open')),
  ];
}

function whereFailed({ phases }: Result, { phase, kind }: Failure): string {
  const where = phase === null ? 'Before the first phase' : `In phase ${phase}`;
  const after = phases.length === 0 ? '' : `, after ${formatDuration(secondsInAll(phases) * 1000)}`;
  return `**${where}** (${kinds[kind]})${after}.`;
}

/** Without a machine there is no state of one. */
function stateOf({ target, fleet, targetState, plan }: Result, failure: Failure): string {
  if (target === '' || fleet !== null) return '';
  return ` **The machine** is ${describeState(targetState, plan, failure)}.`;
}
