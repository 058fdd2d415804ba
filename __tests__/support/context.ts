// What a phase works with, for tests of single phases: real settings and facts, and a plan that nobody looks at.
import { noCache } from '../../src/cache/run-cache';
import { CleanUp } from '../../src/phases/clean-up';
import type { PhaseContext } from '../../src/phases/context';
import { Lease } from '../../src/phases/lease';
import type { Evaluation } from '../../src/plan/evaluation';
import { gatherFacts } from '../../src/plan/facts';
import { Progress } from '../../src/report/result';
import type { Target } from '../../src/ssh/target';
import type { Sshd } from '../../testbed/sshd.mts';
import { configured } from './evaluation';
import type { TestRuntime } from './runtime';
import { machineSettings } from './settings';
import { somePlan } from './situation';
import { nixOf } from './store';

const evaluation: Evaluation = {
  ...configured,
  hostName: 'test',
  toplevel: { drvPath: '', outPath: '' },
  diskoScript: undefined,
  disks: [],
  hostKeys: [],
  logins: [],
};

/** @param inputs on top of the required ones */
export async function contextOf(
  sshd: Sshd,
  target: Target,
  runtime: TestRuntime,
  inputs: Record<string, string> = {},
): Promise<PhaseContext> {
  const required = { flake: '.#test', 'target-host': sshd.host, 'ssh-private-key': sshd.clientKey.private };
  const cleanUp = new CleanUp();
  return {
    settings: machineSettings({ ...required, ...inputs }),
    runtime,
    nix: nixOf(runtime),
    cache: noCache,
    target,
    evaluation,
    plan: somePlan,
    progress: new Progress(),
    cleanUp,
    lease: new Lease({ target, runtime, cleanUp, identity: { run: '', attempt: 1, job: '' } }),
    facts: await gatherFacts(target),
    stagedImage: undefined,
    extraFiles: undefined,
    hardwareFile: undefined,
  };
}
