// What a phase works with, for tests of single phases: real settings and facts, and a plan that nobody looks at.
import { readSettings } from '../../src/inputs/read-settings';
import type { PhaseContext } from '../../src/phases/context';
import type { Evaluation } from '../../src/plan/evaluation';
import { gatherFacts } from '../../src/plan/facts';
import type { Plan } from '../../src/plan/plan';
import { Progress } from '../../src/report/result';
import { SecretRegistry } from '../../src/secrets';
import type { Target } from '../../src/ssh/target';
import type { Sshd } from '../../testbed/sshd.mts';
import type { TestRuntime } from './runtime';
import { nixOf } from './store';

const evaluation: Evaluation = {
  system: 'x86_64-linux',
  hostName: 'test',
  toplevel: { drvPath: '', outPath: '' },
  diskoScript: undefined,
  disks: [],
  substituters: [],
  trustedPublicKeys: [],
  hostKeys: [],
};

const plan: Plan = {
  action: 'install',
  reason: 'a test',
  phases: [],
  authorizeKey: false,
  offline: { configuration: '', system: '', hostName: '', toplevel: '', diskoScript: null, disks: [] },
  online: {
    target: '',
    hostKeys: [],
    distribution: '',
    kernel: '',
    architecture: '',
    memoryKiB: 0,
    runsNixos: false,
    isInstaller: false,
    currentSystem: '',
    disksKnown: false,
    wiped: [],
    untouched: [],
  },
};

/** @param inputs on top of the required ones */
export async function contextOf(
  sshd: Sshd,
  target: Target,
  runtime: TestRuntime,
  inputs: Record<string, string> = {},
): Promise<PhaseContext> {
  const required = { flake: '.#test', 'target-host': sshd.host, 'ssh-private-key': sshd.clientKey.private };
  return {
    settings: readSettings({ ...required, ...inputs }, new SecretRegistry(() => undefined)),
    runtime,
    nix: nixOf(runtime),
    target,
    evaluation,
    plan,
    progress: new Progress(),
    facts: await gatherFacts(target),
    stagedImage: undefined,
  };
}
