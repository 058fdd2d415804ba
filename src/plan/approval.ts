import { describeBinding, describeIdentity, lossesOn } from './disks/identity';
import { canonicalJson, digestOf, type Plan, planDigest } from './plan';

/**
 * What was approved, as a run writes it down in the installer. When that run is cut off, the machine no longer is what
 * the approved plan says (it runs the installer, and disko may have begun), so the digest alone would refuse the
 * next run. What must not have changed is held here.
 */
export interface Approval {
  /** The digest of the approved plan. */
  readonly digest: string;
  /** Of the half that the configuration decides: system, disko script, disks, install-id. */
  readonly offline: string;
  readonly host: string;
  readonly machineId: string;
  readonly hostKeys: readonly string[];
  readonly phases: readonly string[];
  /** Where the paths of the configured disks lead. */
  readonly disks: readonly string[];
  /** Everything that may be lost. */
  readonly lost: readonly string[];
}

/** Whether this very plan was approved. Doing nothing needs no approval. */
export function isApproved(plan: Plan, approved: string): boolean {
  // a run that was cut off may have authorized the key already: less is done than was approved
  const before = plan.phases.includes('kexec') ? { ...plan, authorizeKey: true } : plan;
  return plan.action === 'nothing' || planDigest(plan) === approved || planDigest(before) === approved;
}

/** @param host the address that the user gave */
export function approvalOf(plan: Plan, host: string, digest: string): Approval {
  const { online, phases, offline } = plan;
  return {
    digest,
    offline: digestOf(offline),
    host,
    machineId: online.machineId,
    hostKeys: online.hostKeys,
    phases,
    // not by the kernel's names: it may give others in the installer
    disks: online.bindings.map((binding) => `${binding.path} = ${describeBinding(binding)}`).toSorted(),
    lost: online.disks
      .flatMap((disk) => lossesOn(disk).map((loss) => `${loss} on the disk with ${describeIdentity(disk)}`))
      .toSorted(),
  };
}

/**
 * What this plan, made in the installer, does beyond what was approved; nothing, and it may be carried out.
 *
 * @param shownKey the host key that the machine shows now, as plans name it
 */
export function beyondApproval(approval: Approval, plan: Plan, host: string, shownKey: string): string[] {
  const now = approvalOf(plan, host, approval.digest);
  const more = (what: string, of: (each: Approval) => readonly string[]) => {
    const added = of(now).filter((each) => !of(approval).includes(each));
    return added.length === 0 ? [] : [`${what} ${added.join(', ')}`];
  };
  return [
    ...(now.offline === approval.offline
      ? []
      : ['the configuration gives another system, disko script or disks']),
    ...(now.host === approval.host ? [] : [`the address was ${approval.host}`]),
    ...(now.machineId === approval.machineId ? [] : [`the machine ID was ${approval.machineId}`]),
    ...(approval.hostKeys.includes(shownKey) ? [] : [`the host key is now ${shownKey}`]),
    ...more('further phases:', ({ phases }) => phases),
    ...more('other disks:', ({ disks }) => disks),
    ...more('also lost:', ({ lost }) => lost),
  ];
}

export function formatApproval(approval: Approval): string {
  return canonicalJson(approval);
}

/** @returns undefined for anything that this action has not written */
export function parseApproval(text: string): Approval | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const record: Record<string, unknown> = { ...value };
  const isText = (name: string) => typeof record[name] === 'string';
  const isList = (name: string) => {
    const list = record[name];
    return Array.isArray(list) && list.every((each) => typeof each === 'string');
  };
  const complete =
    ['digest', 'offline', 'host', 'machineId'].every(isText) &&
    ['hostKeys', 'phases', 'disks', 'lost'].every(isList);
  return complete ? (value as Approval) : undefined;
}
