// docs/encryption.md: what a run says of a machine whose initrd waits for a passphrase. The initrd is an sshd with the page's
// port and a key of its own; nothing here is rebooted, so that only the phase that waits for the new system runs.
import { expect } from 'vitest';
import type { PhaseContext } from '../../src/phases/context';
import { verify } from '../../src/phases/verify';
import type { PhaseName } from '../../src/plan/plan';
import { freePort } from '../../testbed/ports.mts';
import { test } from '../support/concurrent';
import { contextOf } from '../support/context';
import { blockOf, expectShown, expectTroubles } from '../support/documents';
import { configured } from '../support/evaluation';
import { hostKeysOf, pinnedTo, startMachine, targetOf } from '../support/machine';
import { failure, testRuntime } from '../support/runtime';
import { features, nix } from '../support/store';

const page = 'docs/encryption.md';
const heading = 'Opened over SSH after each boot';

/** The phase, after an installer that has gone, while the initrd of the page answers. */
async function waiting(
  inputs: Record<string, string>,
): Promise<{ context: PhaseContext; log: () => string }> {
  const configuration = nix('nix', ['eval', ...features, '--json', '--expr', blockOf(page, heading, 'nix')]);
  const { port: shownPort, hostKeys } = JSON.parse(configuration).boot.initrd.network.ssh;
  const [installer, initrd, port] = [
    await startMachine(),
    await startMachine({ system: '' }),
    await freePort(),
  ];
  const runtime = testRuntime();
  const target = targetOf(installer, runtime, { trust: pinnedTo(installer, 'ed25519') });
  const whole = await contextOf(installer, target, runtime, {
    'post-install-ssh-port': String(port),
    ...inputs,
  });
  const phases: PhaseName[] = ['install', 'reboot', 'verify'];
  const context: PhaseContext = {
    ...whole,
    plan: { ...whole.plan, phases },
    evaluation: {
      ...configured,
      sshd: { ...configured.sshd, ports: [port] },
      initrdSsh: { enabled: true, port: initrd.port, hostKeys },
    },
  };
  Object.assign(context.progress, {
    targetState: 'installed',
    initrdHostKeys: hostKeysOf(initrd, 'ed25519'),
    expectedHostKeys: hostKeysOf(await startMachine(), 'ed25519'),
  });
  await installer.stop();
  const asOnThePage = (text: string) =>
    text.replaceAll(String(initrd.port), String(shownPort)).replaceAll('warning: ', 'Warning: ');
  return { context, log: () => asOnThePage(runtime.log.text) };
}

test('an initrd that waits is named with how to reach it, and good enough', async () => {
  const { context, log } = await waiting({});
  await verify(context);
  expectShown(log(), 'docs/encryption.md', 'Opened over SSH after each boot');
  expect(context.progress).toMatchObject({ targetState: 'unlocking', verified: 'none' });
});

test('with verify: system a run fails to which nobody comes', async () => {
  const { context, log } = await waiting({ verify: 'system', 'reboot-timeout': '9s' });
  const { message } = await failure(verify(context));
  const port = String(context.evaluation.source === 'configuration' ? context.evaluation.initrdSsh.port : '');
  expectTroubles([message.replaceAll(port, '2222')], page, heading);
  expect(log()).toContain('its initrd waits');
});
