// Carries out what a page of docs/ shows: the steps of its yaml blocks, against a machine on loopback.
import { expect } from 'vitest';
import type { Sshd } from '../../testbed/sshd.mts';
import { isOwn, readYaml, type Step, wholeWorkflow } from '../unit/workflow-rules';
import { type BundleRun, runBundle } from './bundle';
import { blocksOf } from './documents';
import { temporaryFolder } from './runtime';

/** The steps of our action in the yaml blocks below a heading, in their order. */
export function stepsShown(page: string, heading: string): readonly Step[] {
  const steps = blocksOf(page, heading)
    .filter(({ language }) => language === 'yaml')
    .flatMap(({ text }) => Object.values(readYaml(page, wholeWorkflow(text)).jobs))
    .flatMap((job) => job.steps ?? [])
    .filter(isOwn);
  expect(steps.length, `${page} shows no step below ${heading}`).toBeGreaterThan(0);
  return steps;
}

/** Inputs in place of those that are the reader's own: where the machine is, and what proves who is who. */
export function ofMachine(machine: Sshd): Record<string, string> {
  return {
    'target-host': `root@${machine.host}`,
    'ssh-port': String(machine.port),
    'post-kexec-ssh-port': String(machine.port),
    'ssh-private-key': machine.clientKey.private,
    'known-hosts': machine.hostKeyLine('ed25519'),
    'connect-timeout': '10s',
    // the machine is this computer, and its configurations name no disk and let nobody in
    'wipe-disks': 'any',
    'allow-lockout': 'true',
  };
}

export interface CarriedOut {
  readonly machine: Sshd;
  /** The folder of the flake, in which the step runs: the page's `.#NAME` is one of it. */
  readonly flake: string;
  /** Which of the steps of the section. */
  readonly step?: number;
  /** What the machine says of itself, if not all of it. */
  readonly only?: Readonly<Record<string, string>>;
  /** On top of what the page and the machine say. */
  readonly inputs?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly onLine?: (line: string) => void;
}

/** Runs a step as the page has it. */
export function carryOut(page: string, heading: string, how: CarriedOut): Promise<BundleRun> {
  const { machine, flake, step = 0, only = ofMachine(machine), onLine } = how;
  const shown = stepsShown(page, heading)[step]?.with;
  if (shown === undefined) throw new Error(`${page} has no step ${step} below ${heading}`);
  const store = `local?root=${temporaryFolder('store')}`;
  return runBundle({
    inputs: { ...shown, ...only, ...how.inputs },
    env: { GITHUB_WORKSPACE: flake, NIX_REMOTE: store, ...how.env },
    ...(onLine === undefined ? {} : { onLine }),
  });
}
