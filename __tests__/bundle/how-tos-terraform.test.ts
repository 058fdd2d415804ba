// docs/moving-from-terraform.md, carried out: Terraform, where there is one, starts the workflow of the page by way of a stand-in
// for gh, and a runner of ours carries it out on a machine on loopback.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Sshd } from '../../testbed/sshd.mts';
import type { WorkflowRun } from '../../testbed/workflow.mts';
import { makeFlake } from '../support/bundle';
import { carryOut, inCheckout, onLoopback } from '../support/carry-out';
import { test } from '../support/concurrent';
import { blockOf, expectShown } from '../support/documents';
import { git } from '../support/fleet';
import { temporaryFolder } from '../support/runtime';
import { carryOutWorkflow, configurationOf, logOf, nixosMachine, on } from '../support/workflow';

const page = 'docs/moving-from-terraform.md';
const heading = 'Terraform makes the machine and starts the workflow';
const hcl = () => blockOf(page, heading, 'hcl');

const flakeOf = () => makeFlake(`{ nixosConfigurations.web-1 = ${configurationOf('web-1', '')}; }`);

type Values = Readonly<Record<'address' | 'known_hosts' | 'id', string>>;

const isHere = (program: string) => {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`]);
    return true;
  } catch {
    return false;
  }
};

/** A folder with the page's HCL, and a gh that writes down what it is told. */
class Infrastructure {
  readonly #folder = temporaryFolder('terraform');
  readonly #asked = join(this.#folder, 'asked');

  constructor() {
    writeFileSync(join(this.#folder, 'main.tf'), hcl());
    const gh = `#!/bin/sh\nfor argument; do printf '%s\\0' "$argument"; done >${this.#asked}\n`;
    writeFileSync(join(this.#folder, 'gh'), gh, { mode: 0o755 });
  }

  /** @returns the arguments that gh got; undefined where it was not started */
  apply(values: Values): readonly string[] | undefined {
    rmSync(this.#asked, { force: true });
    if (isHere('terraform')) this.#terraform(values);
    else this.#command(values);
    return existsSync(this.#asked) ? readFileSync(this.#asked, 'utf8').split('\0').slice(0, -1) : undefined;
  }

  #terraform(values: Values): void {
    const variables = Object.entries(values).map(([name, value]) => [`TF_VAR_${name}`, value]);
    const own = { PATH: this.#path, CHECKPOINT_DISABLE: '1', TF_CLI_CONFIG_FILE: '/dev/null' };
    const env = { ...own, ...Object.fromEntries(variables) };
    for (const args of [['init'], ['apply', '-auto-approve']])
      execFileSync('terraform', [...args, '-no-color', '-input=false'], {
        cwd: this.#folder,
        env,
        stdio: 'pipe',
      });
  }

  /** What Terraform would start, where it is not installed. */
  #command({ address, known_hosts, id }: Values): void {
    const [, command = ''] = /^ *command = (".*")$/m.exec(hcl()) ?? [];
    const env = { PATH: this.#path, ADDRESS: address, KNOWN_HOSTS: known_hosts, ID: id };
    execFileSync('sh', ['-c', JSON.parse(command)], { env });
  }

  get #path(): string {
    return `${this.#folder}:${process.env.PATH}`;
  }
}

/** The page's workflow as gh starts it, but for what a runner of ours and a machine on loopback need. */
async function dispatched(
  asked: readonly string[],
  machine: Sshd,
  flake: string,
  plan: boolean,
): Promise<WorkflowRun> {
  const [run, workflow, name, ...rest] = asked;
  expect([run, workflow, name, ...rest.slice(0, 2)]).toEqual([
    'workflow',
    'run',
    'web-1.yml',
    '--ref',
    'main',
  ]);
  const pairs = rest.slice(2).filter((word) => word !== '-f');
  const inputs = Object.fromEntries(
    pairs.map((pair) => [pair.replace(/=.*/s, ''), pair.replace(/^.*?=/s, '')]),
  );
  const lines = Object.entries({ ...onLoopback(machine), plan: String(plan) }).map(
    ([key, value]) => `\n          ${key}: ${value}`,
  );
  const file = join(temporaryFolder('dispatched'), 'web-1.yml');
  writeFileSync(
    file,
    blockOf(page, heading, 'yaml').replace('flake: .#web-1', (line) => line + lines.join('')),
  );
  return carryOutWorkflow({
    file,
    inputs,
    secrets: { SSH_PRIVATE_KEY: machine.clientKey.private },
    repository: flake,
    github: { event_name: 'workflow_dispatch' },
  });
}

test('Terraform starts the workflow for a machine that is another one, and for no other', async () => {
  const machine = await nixosMachine('4711');
  const flake = flakeOf();
  git(flake, 'init', '-q', '-b', 'main');
  git(flake, 'add', '.');
  git(flake, 'commit', '-qm', 'first');
  const infrastructure = new Infrastructure();
  const values = { address: machine.host, known_hosts: machine.hostKeyLine('ed25519'), id: '4711' };
  const first = await dispatched(infrastructure.apply(values) ?? [], machine, flake, false);
  expect(first.result, logOf(first)).toBe('success');
  expect(await on(machine, 'cat /run/switched')).toBe('web-1');
  // without Terraform nothing keeps it from starting again
  if (isHere('terraform')) expect(infrastructure.apply(values)).toBeUndefined();
  const other = infrastructure.apply({ ...values, id: '4712' }) ?? [];
  const second = await dispatched(other, machine, flake, true);
  expect(second.result, logOf(second)).toBe('success');
  expectShown(
    logOf(first) + logOf(second),
    'docs/moving-from-terraform.md',
    'Terraform makes the machine and starts the workflow',
  );
});

test('what stands in a value is read by no shell on the way', () => {
  const odd = { address: '* $(id)', known_hosts: `a "b" 'c' \`d\``, id: '-f x=y; id' };
  const asked = new Infrastructure().apply(odd) ?? [];
  expect(asked.slice(5)).toEqual([
    ...['-f', `address=${odd.address}`],
    ...['-f', `known-hosts=${odd.known_hosts}`],
    ...['-f', `install-id=${odd.id}`],
  ]);
  return Promise.resolve();
});

test('a machine that the module has installed gets its id by an update', async () => {
  const machine = await nixosMachine();
  const record = '/nix/var/nixos-anywhere/install-id';
  await on(machine, `rm ${record}`);
  const here = inCheckout(machine, flakeOf());
  const run = await carryOut(page, 'Machines that the module has installed', here);
  expect(run.outputs, run.log).toMatchObject({ outcome: 'updated' });
  expect(await on(machine, `cat ${record}`)).toBe('4711');
  expectShown(run.log, 'docs/moving-from-terraform.md', 'Machines that the module has installed');
});
