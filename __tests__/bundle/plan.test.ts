// A plan from end to end: what it says, that it says it again, and that the machine is as it was.
import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import { canonicalJson } from '../../src/plan/canonical';
import type { PublishedPlan } from '../../src/plan/plan';
import { commandsOf, inputsFor, makeFlake, ownCommands, runBundle } from '../support/bundle';
import { test } from '../support/concurrent';
import { hostKeysOf, script, startMachine, targetOf } from '../support/machine';
import { testRuntime } from '../support/runtime';

/** Every file below the folders that the action may write to, with its state. */
const traces = script(
  'find /root /run /mnt /nix /var/tmp /etc/ssh -xdev ! -path "/run/nix-kept*" | sort | xargs -d "\\n" stat -c "%n %s %a %Y"',
);

test('a plan is made twice the same, and changes nothing on the machine', async () => {
  const sshd = await startMachine();
  const observer = targetOf(sshd, testRuntime());
  const before = (await observer.run(traces, [])).stdout;
  expect(before).toContain('/run/boot_id ');
  const inputs = inputsFor(sshd, `${makeFlake()}#demo`);
  const run = await runBundle({ inputs });
  const again = await runBundle({ inputs });
  expect(run.code, run.log).toBe(0);
  expect((await observer.run(traces, [])).stdout).toBe(before);

  expect(run.outputs).toMatchObject({ outcome: 'planned', 'target-state': 'untouched', verified: 'none' });
  expect(run.errors).toEqual([]);
  const plan = JSON.parse(run.outputs.plan ?? '') as PublishedPlan & { online: object };
  expect(plan).toEqual(run.result.plan);
  expect(plan).toMatchObject({
    action: 'install',
    phases: ['preflight', 'build', 'kexec', 'disko', 'install', 'reboot', 'verify'],
    // root has no authorized_keys there
    authorizeKey: true,
    offline: { system: 'x86_64-linux', hostName: 'demo', disks: [] },
    online: { target: `root@127.0.0.1:${sshd.port}`, runsNixos: false, isInstaller: false },
  });
  const { work, online, ...rest } = plan;
  expect(work).toMatchObject({ build: { derivations: 2 }, closure: null });
  // what was only observed does not count
  const decided = { ...rest, online: { ...online, observed: undefined } };
  const digest = createHash('sha256').update(canonicalJson(decided)).digest('hex');
  expect(run.outputs['plan-digest']).toBe(`sha256:${digest}`);
  expect(again.outputs['plan-digest']).toBe(run.outputs['plan-digest']);
  expect(run.summary).toMatch(/^## 📋 Planned: `root@127\.0\.0\.1:\d+`\n/);
  expect(run.summary).toContain('| machine | untouched: nothing on its disks was changed |');
  expect(run.summary).toContain(
    `### What to do next\n\nTo have this done and nothing else, run the action without <code>plan</code> and with this input, or approve the job of the workflow that does so:\n\n\`\`\`text\napproved-plan: ${run.outputs['plan-digest']}\n\`\`\``,
  );
  expect(run.summary).toMatch(/### Disks\n[^#]*count on all of them[^#]*### What to do next/);
  expect(run.summary).not.toContain('mermaid');
  expect(run.log).toContain('Plan: install');
  expect(commandsOf(run.log).filter(({ name }) => !ownCommands.has(name))).toEqual([]);
});

test('another configuration gives another digest', async () => {
  const sshd = await startMachine();
  const flakes = [makeFlake(), makeFlake()];
  const [one, other] = await Promise.all(
    flakes.map((flake, n) =>
      runBundle({
        inputs: { ...inputsFor(sshd, `${flake}#demo`), phases: n === 0 ? 'kexec' : 'kexec,disko' },
      }),
    ),
  );
  expect(one?.outputs['plan-digest']).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(other?.outputs['plan-digest']).not.toBe(one?.outputs['plan-digest']);
});

test('without known-hosts: a warning with the very line that pins the machine', async () => {
  const sshd = await startMachine();
  const run = await runBundle({ inputs: { ...inputsFor(sshd, `${makeFlake()}#demo`), 'known-hosts': '' } });
  expect(run.code, run.log).toBe(0);
  const [key] = hostKeysOf(sshd, 'ed25519');
  const line = `[127.0.0.1]:${sshd.port} ${key?.type} ${key?.base64}`;
  expect(run.warnings.some((text) => text.includes(line))).toBe(true);
  const pinned = await runBundle({
    inputs: { ...inputsFor(sshd, `${makeFlake()}#demo`), 'known-hosts': line },
  });
  expect(pinned.code, pinned.log).toBe(0);
  expect(pinned.warnings.some((text) => text.includes('host key'))).toBe(false);
});

test('importing the program does nothing', async () => {
  const signals = () => ['SIGINT', 'SIGTERM', 'uncaughtException'].map((name) => process.listenerCount(name));
  const before = signals();
  const { main } = await import('../../src/main');
  expect(main).toBeTypeOf('function');
  expect(signals()).toEqual(before);
});
