// Carries out what a page of docs/ shows: a step with this action against a machine on loopback, or what a shell is to run.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { ActionOptions } from '../../testbed/action.mts';
import type { Sshd } from '../../testbed/sshd.mts';
import { type BundleRun, inputsFor, runBundle } from './bundle';
import { type Here, shownStep } from './shown-steps';

/** What a machine that is reached on loopback needs besides: its port, and leave to lose disks that it has not. */
export function onLoopback(sshd: Sshd): Record<string, string> {
  const inputs = inputsFor(sshd, '');
  const names = ['ssh-port', 'post-kexec-ssh-port', 'connect-timeout', 'wipe-disks'];
  const own = Object.entries(inputs).filter(([name]) => names.includes(name));
  return { ...Object.fromEntries(own), 'allow-lockout': 'true' };
}

/** What proves who is who, where a page has it. */
export const proofsOf = (sshd: Sshd): Record<string, string> => ({
  'secrets.SSH_PRIVATE_KEY': sshd.clientKey.private,
  'vars.KNOWN_HOSTS': sshd.hostKeyLine('ed25519'),
});

/** A step that is to reach this machine in place of the page’s. */
export const onMachine = (sshd: Sshd, { expressions, instead, besides, env = {} }: Here = {}): Here => ({
  expressions: { ...proofsOf(sshd), ...expressions },
  instead: { 'target-host': `root@${sshd.host}`, ...instead },
  besides: { ...onLoopback(sshd), ...besides },
  env,
});

/** The same in the checkout of a flake: the page’s `.#NAME` is one of it. */
export const inCheckout = (sshd: Sshd, flake: string, besides: Readonly<Record<string, string>> = {}): Here =>
  onMachine(sshd, { besides, env: { GITHUB_WORKSPACE: flake } });

interface How extends Pick<Partial<ActionOptions>, 'dir' | 'launcher' | 'onLine' | 'onStart'> {
  /** Which of the steps of the section, where it has more. */
  readonly step?: number;
}

/** Runs a step with this action as the page has it. */
export function carryOut(page: string, heading: string, here: Here, how: How = {}): Promise<BundleRun> {
  const { step, ...options } = how;
  return runBundle({ ...options, ...shownStep(page, heading, here, step) });
}

/** Runs what a `run:` step or a block for a shell says, as a runner does. @returns what it printed */
export async function runShell(
  text: string,
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): Promise<string> {
  const { PATH = '/usr/bin:/bin' } = process.env;
  const { stdout } = await promisify(execFile)(
    'bash',
    ['--noprofile', '--norc', '-eo', 'pipefail', '-c', text],
    { cwd: options.cwd, env: { PATH, ...options.env } },
  );
  return stdout;
}
