// A real systemd on the machine: Debian that calls itself NixOS.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureImages } from '../../testbed/build.mts';
import { Machine } from '../../testbed/machine.mts';
import { nixBin } from '../../testbed/paths.mts';
import { runScenario } from '../e2e/support';

// the Nix of the testbed brings its libraries along; where the runner has another one there is none to put there
describe.skipIf(!existsSync(nixBin))('a machine with a real systemd', () => {
  let machine: Machine;
  const scratch = mkdtempSync(join(tmpdir(), 'nix-'));

  beforeAll(async () => {
    await ensureImages();
    machine = await Machine.start({ name: 'systemd', snapshot: 'target' });
    await becomeNixos();
  });
  afterAll(async () => {
    await machine?.stop();
    rmSync(scratch, { recursive: true });
  });

  /** Debian with a Nix, which calls itself NixOS; one of its units has failed. */
  async function becomeNixos(): Promise<void> {
    const nix = dirname(nixBin);
    const tarball = join(scratch, 'nix.tar.gz');
    execFileSync('tar', ['-C', dirname(nix), '-czf', tarball, basename(nix)]);
    await must(`mkdir -p ${dirname(nix)} && tar -C ${dirname(nix)} -xzf -`, tarball);
    await must(
      [
        `ln -s ${nix}/bin/* /usr/local/bin/`,
        'mkdir -p /etc/nix',
        "printf 'substituters =\\nbuild-users-group =\\n' >/etc/nix/nix.conf",
        'rm /etc/os-release',
        'printf \'ID=nixos\\nPRETTY_NAME="Debian as NixOS"\\n\' >/etc/os-release',
        'systemd-run --quiet --unit planted false',
      ].join(' && '),
    );
  }

  async function must(command: string, stdinFile?: string): Promise<void> {
    const { code, stderr } = await machine.ssh(command, stdinFile === undefined ? {} : { stdinFile });
    if (code !== 0) throw new Error(`${command}: ${stderr}`);
  }

  it('is switched by systemd-run, survives the loss of sshd, and tells its failed units', async () => {
    const result = await runScenario({
      name: 'systemd',
      machine,
      configuration: 'bare',
      hostName: 'switched',
      inputs: {
        'known-hosts': await machine.hostKeys(),
        'on-installed': 'update',
        'install-id': 'taken-over',
      },
    });
    expect(result.outputs).toMatchObject({
      outcome: 'updated',
      'target-state': 'booted',
      verified: 'system',
    });
    expect(result.code).toBe(0);
    expect(result.log).toMatch(/^switch> unit: run-\S+\.service$/m);
    expect(result.log).toMatch(/^::warning::the connection .* was lost during switch/m);
    expect(result.log).toContain('activated after sshd was stopped');
    expect(result.log).toMatch(/^::warning::Units of the new system failed: planted\.service/m);
    const file = readFileSync(result.outputs['result-file'] ?? '', 'utf8');
    expect(JSON.parse(file)).toMatchObject({ failedUnits: ['planted.service'] });
    expect(result.summary).toContain('planted.service');
    expect((await machine.ssh('hostname; cat /nix/var/nixos-anywhere/install-id')).stdout).toBe(
      'switched\ntaken-over\n',
    );
  });
});
