import { formatDuration } from '../../deadlines';
import type { PhaseName } from '../../plan/plan';
import { table } from '../markdown';
import type { Result } from '../result';

/** What our words mean. */
const meanings: Record<PhaseName, string> = {
  preflight: 'looks at the configuration and the machine',
  build: 'builds, and gets the machine ready',
  kexec: 'starts the installer there',
  'hardware-config': 'has the machine describe itself',
  disko: 'partitions and mounts the disks',
  install: 'copies the system and installs it',
  reboot: 'restarts the machine',
  update: 'copies the system and switches to it',
  verify: 'proves that the system runs',
  'vm-test': 'installs into a virtual machine',
};

/** From the beginning of the run to the end of its last phase. */
export function secondsInAll(phases: Result['phases']): number {
  return phases.reduce((end, { startedAfter, seconds }) => Math.max(end, startedAfter + seconds), 0);
}

/** The phases with their times, and those that were not reached; nothing where none has begun, or one was all. */
export function phaseTable({ phases, plan, outcome }: Result): string[] {
  if (phases.length === 0 || (phases.length === 1 && outcome !== 'failed')) return [];
  const planned = outcome === 'failed' && plan !== null && plan.online !== null ? plan.phases : [];
  const missed = planned.filter((name) => phases.every((phase) => phase.name !== name));
  const rows = [
    ...phases.map(({ name, outcome: how, seconds }) => [
      how === 'success' ? '✅' : '❌',
      name,
      meanings[name],
      formatDuration(seconds * 1000).replaceAll(' ', '&nbsp;'),
    ]),
    ...missed.map((name) => ['–', name, meanings[name], 'not&nbsp;reached']),
    ['', '**total**', '', `**${formatDuration(secondsInAll(phases) * 1000).replaceAll(' ', '&nbsp;')}**`],
  ];
  return [table(['', 'phase', 'what it does', 'time'], rows)];
}
