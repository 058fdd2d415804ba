import type { ErrorKind } from '../../errors';
import type { PhaseName } from '../../plan/plan';

/** Who says it, and when: elsewhere the same words mean something else. */
export interface Place {
  readonly kinds: readonly ErrorKind[];
  /** Null is before the first. Default: in any. */
  readonly phases?: readonly (PhaseName | null)[];
}

/** What is known about a failure: how it is recognised, why it happens, and what to do. */
export interface KnownFailure {
  /** Its heading in docs/errors.md, to which annotation and summary lead. */
  readonly id: string;
  /** A heading says what it is about. */
  readonly title: string;
  readonly says: RegExp;
  readonly where: readonly Place[];
  readonly cause: string;
  readonly hint: string;
}

/** A script or program on the machine. */
export const onMachine: readonly Place[] = [{ kinds: ['remote-command'] }];
/** What unpacks the kexec image there. */
export const unpacking: readonly Place[] = [{ kinds: ['guard'], phases: ['build'] }];
export const inKexec: readonly Place[] = [{ kinds: ['remote-command'], phases: ['kexec'] }];
export const inDisko: readonly Place[] = [{ kinds: ['remote-command'], phases: ['disko'] }];
export const inInstall: readonly Place[] = [{ kinds: ['remote-command'], phases: ['install'] }];
/** What Nix says that the runner has started; in a VM test the last lines are those of the machines in it. */
export const ofNix: readonly Place[] = [{ kinds: ['nix'] }];
/** Nix where it builds and copies on the runner alone. */
export const onRunner: readonly Place[] = [
  { kinds: ['nix'], phases: [null, 'preflight', 'build', 'kexec', 'hardware-config'] },
];
