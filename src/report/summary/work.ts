import type { Work } from '../../plan/work';
import { describeCache } from '../describe-cache';
import { describeWork } from '../describe-work';
import { block, escapeMarkdown, folded, table } from '../markdown';
import { counted, formatBytes } from '../quantities';
import type { CopyRecord, Result } from '../result';

/** What there is to build and to copy, before it is done. */
export function workToDo(
  work: Work | null,
  action: Parameters<typeof describeWork>[1],
  mayBeCached: boolean,
): string[] {
  return [
    `**Work:** ${escapeMarkdown(describeWork(work, action, mayBeCached))}.`,
    ...builtNames('To build', work),
  ];
}

/** What was built, copied, and kept for the next run; nothing of what was not. */
export function workDone(result: Result): string[] {
  const { copied, cache } = result;
  return [
    ...builtSection(result),
    ...(copied.length === 0 ? [] : [table(['copied to the machine', ''], copied.map(copyRow))]),
    ...(cache === null ? [] : [table(['closure cache', ''], describeCache(cache))]),
  ];
}

function builtSection({ phases, plan, cache }: Result): string[] {
  const isBuilt = phases.some(({ name, outcome }) => name === 'build' && outcome === 'success');
  if (!isBuilt || plan === null || plan.work === null || plan.offline.buildOn === 'remote') return [];
  const { build, fetch } = plan.work;
  const words = [
    ...(build.derivations === 0
      ? []
      : [
          `${counted(build.derivations, 'derivation')} built${cache === null ? '' : ' or taken from the cache'}`,
        ]),
    ...(fetch.paths === 0 ? [] : [`${counted(fetch.paths, 'path')} fetched`]),
  ];
  if (words.length === 0) return [];
  return [`**On the runner:** ${words.join('; ')}.`, ...builtNames('What was built', plan.work)];
}

function builtNames(title: string, work: Work | null): string[] {
  const names = work?.build.names ?? [];
  const more = (work?.build.derivations ?? 0) - names.length;
  return names.length === 0
    ? []
    : folded(title, [block([...names, ...(more > 0 ? [`and ${more} more`] : [])])]);
}

function copyRow({ what, sentPaths, sentBytes, substituted, built }: CopyRecord): string[] {
  const words = [
    ...(sentPaths === 0 ? [] : [`${counted(sentPaths, 'path')} (${formatBytes(sentBytes)}) from the runner`]),
    ...(substituted === 0 ? [] : [`${counted(substituted, 'path')} that it fetched from its substituters`]),
    ...(built === 0 ? [] : [`${counted(built, 'derivation')} that it built itself`]),
  ];
  return [
    what === 'system' ? 'the system' : 'the disko script',
    words.join('; ') || 'nothing: it had all of it',
  ];
}
