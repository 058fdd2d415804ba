// docs/moving-from-terraform.md has every parameter of nixos-anywhere's modules, and names no input that is not there.
import { expect, test } from 'vitest';
import { terraform } from '../../parity/terraform';
import { inputs } from '../../src/inputs/table';
import { sectionOf } from '../support/documents';

/** The variables of each module (terraform/MODULE/variables.tf at commit 91fc9b7). */
const modules: Readonly<Record<string, string>> = {
  a: 'kexec_tarball_url nixos_partitioner_attr nixos_system_attr file target_host install_user install_port target_user target_port instance_id install_ssh_key deployment_ssh_key debug_logging stop_after_disko no_reboot phases extra_files_script disk_encryption_key_scripts extra_environment nix_options nixos_generate_config_path nixos_facter_path special_args build_on_remote install_bootloader copy_host_keys',
  i: 'kexec_tarball_url nixos_partitioner nixos_system target_host target_user target_port target_pass ssh_private_key instance_id debug_logging extra_files_script disk_encryption_key_scripts extra_environment stop_after_disko no_reboot phases build_on_remote flake nixos_generate_config_path nixos_facter_path copy_host_keys',
  r: 'nixos_system target_host target_user target_port ssh_private_key ignore_systemd_errors install_bootloader',
  b: 'attribute file nix_options special_args debug_logging',
};

const rows = [
  ...sectionOf('docs/moving-from-terraform.md', 'Parameters and inputs').matchAll(
    /^\| `(\w+)` +\| ([airb ]+?) +\| (.*?) *\|$/gm,
  ),
].map(([, parameter = '', of = '', here = '']) => ({ parameter, of, here }));

test('every parameter is there, with the modules that have it', () => {
  const listed = rows.map(({ parameter, of }) => `${parameter}: ${of}`).toSorted();
  const names = new Set(Object.values(modules).flatMap((names) => names.split(' ')));
  const wanted = [...names].map((name) => {
    const having = Object.entries(modules).filter(([, names]) => names.split(' ').includes(name));
    return `${name}: ${having.map(([module]) => module).join(' ')}`;
  });
  expect(listed).toEqual(wanted.toSorted());
});

test.each(rows)('$parameter leads to inputs that are there', ({ here }) => {
  const words = [...here.matchAll(/`([a-z0-9-]+|[a-z]+[A-Z]\w*)(?:: [^`]*)?`/g)].map(([, name]) => name);
  const others = ['env', 'failedUnits'];
  const known: readonly string[] = [...inputs.map(({ name }) => name), ...others];
  for (const word of words) expect(known).toContain(word);
});

test('what parity/terraform.ts knows is in it', () => {
  const page = rows.map(({ parameter }) => parameter);
  const names = terraform.flatMap(({ name }) => name.match(/\b[a-z]+(?:_[a-z]+)+\b/g) ?? []);
  for (const name of names) expect(page).toContain(name);
});
