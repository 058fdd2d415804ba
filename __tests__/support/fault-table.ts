// What each fault must lead to, one row a fault. A test that makes one happen holds its run against the row; a unit
// test sees to it that every row has such a test, and writes the table that people read.
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { ErrorKind } from '../../src/errors';
import type { PhaseName } from '../../src/plan/plan';
import type { KnownId } from '../../src/report/hints';
import type { Result, TargetState } from '../../src/report/result';
import type { ActionResult } from '../../testbed/action.mts';

export interface Fault {
  readonly kind: ErrorKind;
  /** Where it is noticed; null before the first phase. */
  readonly phase: PhaseName | null;
  readonly targetState: TargetState;
  readonly says: RegExp;
  /** Which known failure it is. Default: none, the place that throws has advice of its own. */
  readonly known?: KnownId;
  /** What of the old data is gone then. */
  readonly lost: 'nothing' | 'what the plan named';
}

const untouched = { targetState: 'untouched', lost: 'nothing' } as const;

export const faults = {
  'wrong host key before kexec': {
    ...untouched,
    kind: 'connection',
    phase: 'preflight',
    says: /has another host key than expected: it shows ssh-\S+ SHA256:/,
  },
  'wrong host key after kexec': {
    ...untouched,
    kind: 'connection',
    phase: 'kexec',
    says: /has another host key than expected: it shows ssh-\S+ SHA256:/,
  },
  'wrong host key after the reboot': {
    kind: 'connection',
    phase: 'verify',
    targetState: 'installed',
    lost: 'what the plan named',
    says: /has another host key than expected/,
  },
  'another machine at the address': {
    ...untouched,
    kind: 'guard',
    phase: 'preflight',
    says: /another machine has this address now/,
  },
  'secrets for a host that is not pinned': {
    ...untouched,
    kind: 'connection',
    phase: 'preflight',
    says: /this run sends secrets \(disk-encryption-keys\) to the machine/,
  },
  'login refused': {
    ...untouched,
    kind: 'connection',
    phase: 'preflight',
    says: /@\S+ refused the (key|password)/,
  },
  'sudo does not accept the password': {
    ...untouched,
    kind: 'guard',
    phase: 'preflight',
    says: /sudo does not let \S+ become root with the password/,
  },
  'disk missing': {
    ...untouched,
    kind: 'guard',
    phase: 'preflight',
    says: /the machine has no disk \S+, which the disko configuration .* names; it has /,
  },
  'disk outside wipe-disks': {
    ...untouched,
    kind: 'guard',
    phase: 'preflight',
    says: /wipe-disks does not allow what would be lost: /,
  },
  'more would be lost than was named': {
    ...untouched,
    kind: 'guard',
    phase: 'preflight',
    says: /more would be lost than the disks that the configuration wants wiped: /,
  },
  'disks swap their names across kexec': {
    kind: 'guard',
    phase: 'disko',
    targetState: 'installer',
    lost: 'nothing',
    says: /\/dev\/vdb was the disk with serial FIRST.* and is the disk with serial SECOND/s,
  },
  'plan changed after the approval': {
    ...untouched,
    kind: 'guard',
    phase: 'preflight',
    says: /the plan is not the one that was approved/,
  },
  'another run is at work': {
    ...untouched,
    kind: 'guard',
    phase: 'preflight',
    says: /another run works on this machine/,
  },
  'old system answers after kexec': {
    ...untouched,
    kind: 'guard',
    phase: 'kexec',
    says: /came back with .* instead of the installer: kexec fell back to a normal boot/,
  },
  'installer’s memory full': {
    kind: 'nix',
    phase: 'disko',
    targetState: 'installer',
    lost: 'nothing',
    says: /No space left on device|database or disk is full/i,
    known: 'installer-memory-full',
  },
  'target disk full': {
    kind: 'nix',
    phase: 'install',
    targetState: 'partitioned',
    lost: 'what the plan named',
    says: /No space left on device/i,
    known: 'new-disk-full',
  },
  'boot loader script fails': {
    kind: 'remote-command',
    phase: 'install',
    targetState: 'partitioned',
    lost: 'what the plan named',
    says: /nixos-install failed with exit code 1 on the target/,
    known: 'not-bootable',
  },
  'no boot entry': {
    kind: 'remote-command',
    phase: 'install',
    targetState: 'partitioned',
    lost: 'what the plan named',
    says: /no boot entry in .* starts /,
    known: 'not-bootable',
  },
  'installed system never boots': {
    kind: 'timeout',
    phase: 'verify',
    targetState: 'installed',
    lost: 'what the plan named',
    says: /the reboot into the new system did not finish within /,
  },
} as const satisfies Record<string, Fault>;

export type FaultName = keyof typeof faults;

/** Holds a run against its row: exit code, message, advice, and what it says of the machine, in every place where it says it. */
export function expectFault(name: FaultName, run: ActionResult): void {
  const fault: Fault = faults[name];
  const result: Result = JSON.parse(readFileSync(run.outputs['result-file'] ?? '', 'utf8'));
  expect(result.failure, run.log).toMatchObject({ kind: fault.kind, phase: fault.phase });
  expect(result.failure?.message).toMatch(fault.says);
  expect(result.failure?.hint ?? result.failure?.resume, 'what to do').toBeTruthy();
  expect(result.failure?.resume, 'how to go on').toBeTruthy();
  expect(result.failure?.known).toBe(fault.known ?? null);
  expect(run.code).toBe(1);
  expect(run.outputs).toMatchObject({ outcome: 'failed', 'target-state': fault.targetState });
  expect(result).toMatchObject({ outcome: 'failed', targetState: fault.targetState });
  expect(run.summary).toContain(fault.phase === null ? 'Before the first phase' : `In phase ${fault.phase}`);
  expect(run.log).toMatch(/^::error title=nixos-anywhere failed/m);
}
