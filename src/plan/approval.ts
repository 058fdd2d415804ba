import { canonicalJson, digestOf } from './canonical';
import { type Binding, changesSince, type DiskLosses, lossesOf } from './disks/identity';
import { type Plan, planDigest } from './plan';

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
  /** Of what is put on the disks beside the system, and how. */
  readonly newSystem: string;
  readonly hooks: readonly string[];
  readonly host: string;
  readonly machineId: string;
  readonly hostKeys: readonly string[];
  readonly phases: readonly string[];
  /** Digest of what the machine is taken over with. */
  readonly kexec: string;
  /** Digest of the disks that a provisional plan may wipe: it names no others, so that `losses` cannot hold it to them. */
  readonly mayWipe: string;
  /** Digest of the terms: where the machine may be met, and how it is told that its system runs. */
  readonly terms: string;
  /** Where the paths of the configured disks lead. */
  readonly bindings: readonly Binding[];
  /** Everything that may be lost. */
  readonly losses: readonly DiskLosses[];
}

/** Whether this very plan was approved. Doing nothing needs no approval; a hook is something. */
export function isApproved(plan: Plan, approved: string): boolean {
  // a run that was cut off may have authorized the key already: less is done than was approved
  const before = plan.phases.includes('kexec') ? { ...plan, authorizeKey: true } : plan;
  const doesNothing = plan.action === 'nothing' && plan.hooks.length === 0;
  return doesNothing || planDigest(plan) === approved || planDigest(before) === approved;
}

/** @param host the address that the user gave */
export function approvalOf(plan: Plan, host: string, digest: string): Approval {
  const { online, phases, offline, newSystem, hooks } = plan;
  return {
    digest,
    offline: digestOf(offline),
    newSystem: digestOf(newSystem),
    hooks: hooks.map(canonicalJson),
    host,
    machineId: online.machineId,
    hostKeys: online.hostKeys,
    phases,
    kexec: digestOf(plan.kexec),
    mayWipe: digestOf(plan.mayWipe),
    terms: digestOf(plan.terms),
    bindings: online.bindings,
    losses: lossesOf(online.disks),
  };
}

/**
 * What this plan, made in the installer, does beyond what was approved; nothing, and it may be carried out.
 *
 * @param shownKey the host key that the machine shows now, as plans name it
 */
export function beyondApproval(approval: Approval, plan: Plan, host: string, shownKey: string): string[] {
  const now = approvalOf(plan, host, approval.digest);
  const hooks = now.hooks.filter((hook) => !approval.hooks.includes(hook));
  const further = now.phases.filter((phase) => !approval.phases.includes(phase));
  return [
    ...(now.offline === approval.offline
      ? []
      : ['the configuration gives another system, disko script or disks']),
    ...(now.newSystem === approval.newSystem
      ? []
      : ['extra files, secret files, disk keys, owners, host keys or the boot loader are others']),
    ...(hooks.length === 0 ? [] : ['there are other hooks']),
    ...(now.host === approval.host ? [] : [`the address was ${approval.host}`]),
    ...(now.machineId === approval.machineId ? [] : [`the machine ID was ${approval.machineId}`]),
    ...(approval.hostKeys.includes(shownKey) ? [] : [`the host key is now ${shownKey}`]),
    ...(further.length === 0 ? [] : [`further phases: ${further.join(', ')}`]),
    ...(plan.kexec === null || now.kexec === approval.kexec ? [] : ['another kexec image, or other flags']),
    ...(now.mayWipe === approval.mayWipe ? [] : ['other disks may be wiped (wipe-disks)']),
    ...(now.terms === approval.terms
      ? []
      : ['the machine would be met elsewhere, or with less proof (post-kexec-…, post-install-…, verify)']),
    ...changesSince(approval, plan.online),
  ];
}

export function formatApproval(approval: Approval): string {
  return canonicalJson(approval);
}

/** @returns undefined for anything that this action has not written */
export function parseApproval(text: string): Approval | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isApproval(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

type Check = (value: unknown) => boolean;
const isText: Check = (value) => typeof value === 'string';
const isNumber: Check = (value) => typeof value === 'number';
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);

function recordOf(checks: Readonly<Record<string, Check>>): Check {
  return (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.entries(checks).every(([name, check]) => check(Reflect.get(value, name)));
}

const identity = { serial: isText, wwn: isText, bytes: isNumber };
const approvalCheck = recordOf({
  digest: isText,
  offline: isText,
  newSystem: isText,
  hooks: listOf(isText),
  host: isText,
  machineId: isText,
  hostKeys: listOf(isText),
  phases: listOf(isText),
  kexec: isText,
  mayWipe: isText,
  terms: isText,
  bindings: listOf(recordOf({ path: isText, part: isText, disks: listOf(recordOf(identity)) })),
  losses: listOf(recordOf({ ...identity, losses: listOf(isText) })),
} satisfies Record<keyof Approval, Check>);

function isApproval(value: unknown): value is Approval {
  return approvalCheck(value);
}
