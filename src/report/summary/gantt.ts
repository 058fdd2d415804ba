import { formatDuration } from '../../deadlines';
import type { Result } from '../result';
import type { ActivityName } from '../timeline';
import { secondsInAll } from './phases';

/** Mermaid has a grammar of its own: nothing that others wrote comes into it. */
const activityWords: Record<ActivityName, string> = {
  facts: 'look at the machine',
  evaluation: 'evaluate',
  build: 'build',
  'kexec-image': 'bring the kexec image',
  'disko-script': 'copy the disko script',
  disko: 'disko',
  system: 'copy the system',
  'extra-files': 'copy extra files',
  'nixos-install': 'nixos-install',
  switch: 'switch',
};

interface Bar {
  /** Empty for a phase, whose section names it. */
  readonly label: string;
  readonly outcome: 'success' | 'failure';
  readonly startedAfter: number;
  readonly seconds: number;
}

/** More than 30 years: a date far beyond cannot be written, and the rest of the summary is wanted all the same. */
const mostSeconds = 1e9;

function canBeDrawn({ startedAfter, seconds }: Pick<Bar, 'startedAfter' | 'seconds'>): boolean {
  return [startedAfter, seconds].every((time) => time >= 0 && time <= mostSeconds);
}

/**
 * What was done when, and what side by side, as a diagram; nothing where there was one phase alone, or where a time is none
 * that a clock gives.
 */
export function ganttSection(result: Result): string[] {
  const { phases, activities } = result;
  if (phases.length < 2 || ![...phases, ...activities].every(canBeDrawn)) return [];
  const sections = phases.flatMap(({ name, ...phase }) => [
    `  section ${name}`,
    barLine({ label: '', ...phase }, 'done'),
    ...activities
      .filter((activity) => activity.phase === name)
      .toSorted((a, b) => a.startedAfter - b.startedAfter)
      .map((activity) => barLine({ ...activity, label: activityWords[activity.name] }, 'active')),
  ]);
  const isLong = secondsInAll(phases) >= 3600;
  return [
    [
      '```mermaid',
      'gantt',
      `  title The run, in ${isLong ? 'hours:minutes' : 'minutes:seconds'}`,
      '  dateFormat YYYY-MM-DDTHH:mm:ss.SSS',
      `  axisFormat ${isLong ? '%H:%M' : '%M:%S'}`,
      ...sections,
      '```',
    ].join('\n'),
  ];
}

function barLine({ label, outcome, startedAfter, seconds }: Bar, kind: 'active' | 'done'): string {
  const how = outcome === 'failure' ? 'crit' : kind;
  const time = formatDuration(seconds * 1000);
  return `    ${label === '' ? '' : `${label}, `}${time} :${how}, ${clockTime(startedAfter)}, ${Math.max(Math.round(seconds * 1000), 1)}ms`;
}

/**
 * As a date without a zone: the browser takes it for local time, and writes the axis in local time too. Seconds since 1970
 * would be off by its zone on the axis, and versions of Mermaid do not agree on them.
 */
function clockTime(seconds: number): string {
  return new Date(Date.UTC(2000, 0, 1) + Math.round(seconds * 1000)).toISOString().slice(0, -1);
}
