// The steps of README.md from the plan to the first change, by the workflows as they are to be copied, for real: with the
// testbed's flake in the place of the example's.
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import { runAction } from '../../testbed/action.mts';
import {
  commitSettings,
  ensureImages,
  type FlakeHost,
  type FlakeSettings,
  flakeCopy,
} from '../../testbed/build.mts';
import { Machine } from '../../testbed/machine.mts';
import { kexecImage, nixEnvironment } from '../../testbed/paths.mts';
import { runWorkflow, type WorkflowOptions, type WorkflowRun } from '../../testbed/workflow.mts';
import { privateKey, scenarioFolder, whoAreYou } from '../e2e/support';
import { expectShown } from '../support/documents';
import { distinctLines, expectNoLeak } from '../support/leak';

const examples = fileURLToPath(new URL('../../examples/workflows', import.meta.url));

beforeAll(() => ensureImages());

/** What the machine of the testbed needs besides, and no workflow says: it stands in its flake. */
function settingsFor(machine: Machine, system: FlakeHost['system'] = {}): FlakeSettings {
  const ports = { 'ssh-port': machine.port, 'post-kexec-ssh-port': machine.port };
  return { hostName: 'demo', hosts: { 'web-1': { system, data: { ...ports, kexec: kexecImage } } } };
}

/** @returns what the steps have printed, with the address that the documents have */
function logOf({ jobs }: WorkflowRun, machine: Machine): string {
  const log = jobs.flatMap(({ steps }) => steps.map((step) => step.log)).join('\n');
  return log.replaceAll(`127.0.0.1:${machine.port}`, '203.0.113.7');
}

it('a first install by the workflows of the examples: planned, installed, and changed by plan and approval', async () => {
  const folder = scenarioFolder('first-install');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const machine = await Machine.start({ name: 'first-install', snapshot: 'target' });
  try {
    const repository = join(folder, 'machines');
    flakeCopy(repository, settingsFor(machine), { git: true });
    let knownHosts = await machine.hostKeys();
    const run = (workflow: string, options: Partial<WorkflowOptions> = {}) => {
      const own = {
        secrets: { SSH_PRIVATE_KEY: privateKey() },
        vars: { TARGET_HOST: 'root@127.0.0.1', KNOWN_HOSTS: knownHosts },
      };
      return runWorkflow({
        file: join(examples, workflow),
        repository,
        dir: join(folder, `run-${workflow}-${Date.now()}`),
        environments: { 'web-1-plan': own, 'web-1': own },
        env: nixEnvironment(),
        action: async (step) => {
          const result = await runAction(step);
          expectNoLeak(result, distinctLines(privateKey()));
          return result;
        },
        ...options,
      });
    };

    const before = await machine.bootId();
    const plan = await run('first-install.yml', { inputs: { host: 'web-1', action: 'plan' } });
    expect(plan.result, logOf(plan, machine)).toBe('success');
    expectShown(logOf(plan, machine), 'README.md', '4. Plan');
    expect(await machine.bootId()).toBe(before);

    const inputs = { host: 'web-1', action: 'install', confirm: 'web-1' };
    const installed = await run('first-install.yml', { inputs });
    expect(installed.result, logOf(installed, machine)).toBe('success');
    expectShown(logOf(installed, machine), 'README.md', '6. What you see, and logging in');
    expectShown(logOf(installed, machine), 'docs/getting-started.md', 'Install');
    expect((await whoAreYou(machine)).hostName).toBe('web-1');

    knownHosts = installed.jobs[0]?.steps.at(-1)?.outputs['host-keys'] ?? '';
    expect(knownHosts).toBe(await machine.hostKeys());
    const boot = await machine.bootId();
    commitSettings(repository, settingsFor(machine, { hardware: 'changed' }));
    const changed = await run('plan-and-install.yml');
    expect(changed.results).toEqual({ preview: 'skipped', plan: 'success', install: 'success' });
    expectShown(logOf(changed, machine), 'docs/getting-started.md', 'The next change');
    expect(await machine.bootId()).toBe(boot);
  } finally {
    await machine.stop();
  }
});
