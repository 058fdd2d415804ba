// docs/moving-from-*.md, carried out: the first run after the move, on machines that others have installed or made.
import { expect } from 'vitest';
import { buildable, makeFlake } from '../support/bundle';
import { carryOut, inCheckout } from '../support/carry-out';
import { test } from '../support/concurrent';
import { expectShown } from '../support/documents';
import { startMachine } from '../support/machine';
import { configurationOf, nixosMachine, on } from '../support/workflow';

const page = 'docs/moving-from-nixos-anywhere.md';
const record = '/nix/var/nixos-anywhere/install-id';

test('the step in the place of nix run shows its plan, and changes nothing', async () => {
  const machine = await startMachine();
  const flake = makeFlake(`{ nixosConfigurations.web-1 = ${buildable.replaceAll('demo', 'web-1')}; }`);
  const run = await carryOut(page, 'A workflow step', inCheckout(machine, flake));
  expect(run.outputs, run.log).toMatchObject({ outcome: 'planned', 'target-state': 'untouched' });
  expectShown(run.log, 'docs/moving-from-nixos-anywhere.md', 'A workflow step');
});

test('a machine that nixos-anywhere has installed is taken over by an update, and then converges', async () => {
  const machine = await nixosMachine();
  await on(machine, `rm ${record}`);
  const flake = makeFlake(`{ nixosConfigurations.web-1 = ${configurationOf('web-1', '')}; }`);
  const heading = 'Machines that nixos-anywhere has installed';
  const stopped = await carryOut(page, heading, inCheckout(machine, flake, { 'on-installed': 'fail' }));
  expect(stopped.errors[0]).toContain('the machine already runs NixOS');
  const taken = await carryOut(page, heading, inCheckout(machine, flake));
  expect(taken.outputs, taken.log).toMatchObject({ outcome: 'updated', verified: 'system' });
  expect(await on(machine, `cat ${record}`)).toBe('1');
  const again = await carryOut(page, heading, inCheckout(machine, flake, { 'on-installed': 'converge' }));
  expect(again.outputs, again.log).toMatchObject({ outcome: 'unchanged' });
  expectShown(
    taken.log + again.log,
    'docs/moving-from-nixos-anywhere.md',
    'Machines that nixos-anywhere has installed',
  );
});
