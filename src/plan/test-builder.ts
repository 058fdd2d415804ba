import { closeSync, openSync, readFileSync, type Stats, statSync } from 'node:fs';
import { builtSystems, hasRemoteBuilders } from '../nix/builders';
import type { Nix } from '../nix/nix';
import type { KvmDevice, TestBuilder } from './vm-test';

const device = '/dev/kvm';

/** Looks at who builds on this runner, and at what they may use. @throws NixError */
export async function observeTestBuilder(nix: Nix, signal: AbortSignal): Promise<TestBuilder> {
  const settings = await nix.settings(signal);
  const { systemFeatures, buildUsersGroup } = settings;
  const daemon = !(await nix.storeInfo(signal)).url.startsWith('local');
  // whoever runs Nix builds, but for root, which gives its builds to the build users where it has some
  const byRoot = daemon || process.getuid?.() === 0;
  return {
    systems: await builtSystems(settings),
    hasRemoteBuilders: await hasRemoteBuilders(settings),
    features: daemon ? undefined : systemFeatures,
    kvm: byRoot ? openedByRoots(buildUsersGroup) : openedByUs(),
  };
}

function openedByUs(): KvmDevice {
  const stats = statOf(device);
  if (stats === undefined) return { kind: 'missing' };
  try {
    closeSync(openSync(device, 'r+'));
    return { kind: 'usable' };
  } catch {
    return { kind: 'closed', builder: 'the user of this step', mode: modeOf(stats) };
  }
}

/** Nix gives its builds the groups that the build user is a member of. */
function openedByRoots(buildUsers: string): KvmDevice {
  const stats = statOf(device);
  if (stats === undefined) return { kind: 'missing' };
  return buildUsers === '' ? { kind: 'usable' } : kvmForBuildUsers(stats, buildUsers, textOf('/etc/group'));
}

/** @param groups the text of /etc/group */
export function kvmForBuildUsers(
  stats: Pick<Stats, 'mode' | 'gid'>,
  buildUsers: string,
  groups: string,
): KvmDevice {
  const lines = groups.split('\n').map((line) => line.split(':'));
  const membersOf = (matches: (name: string, gid: number) => boolean) =>
    lines.flatMap(([name = '', , gid = '', members = '']) =>
      matches(name, Number(gid)) ? members.split(',').filter((member) => member !== '') : [],
    );
  const builders = membersOf((name) => name === buildUsers);
  const inGroup = membersOf((_, gid) => gid === stats.gid);
  const byAll = (stats.mode & 0o006) === 0o006;
  const byGroup = (stats.mode & 0o060) === 0o060 && builders.some((user) => inGroup.includes(user));
  if (byAll || byGroup) return { kind: 'usable' };
  return {
    kind: 'closed',
    builder: `Nix's build users (${buildUsers})`,
    mode: modeOf(stats),
  };
}

function modeOf({ mode, gid }: Pick<Stats, 'mode' | 'gid'>): string {
  const group = textOf('/etc/group')
    .split('\n')
    .map((line) => line.split(':'))
    .find((parts) => parts[2] === String(gid))?.[0];
  return `mode ${(mode & 0o777).toString(8).padStart(4, '0')}, group ${group ?? gid}`;
}

function statOf(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}

/** Empty where there is no such file. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
