import type { Counterpart } from './row';

/** Parameters of nixos-anywhere's Terraform modules that are more than its flags. */
export const terraform: readonly Counterpart[] = [
  {
    name: 'file',
    input: 'nix-file',
    default: '',
    differs:
      'Also a configuration.nix, which is evaluated with the nixpkgs of NIX_PATH or npins. What the guards need is evaluated too, as of a flake.',
    test: 'bundle/configurations › nix-file: the machine of a default.nix is planned and built',
  },
  {
    name: 'attribute (nixos_system_attr and nixos_partitioner_attr)',
    input: 'nix-attribute',
    default: 'nix-file as a whole',
    differs: 'One attribute that leads to the machine, not two that lead to what it builds.',
    test: 'bundle/configurations › nix-file: the machine of a default.nix is planned and built',
  },
  {
    name: 'special_args',
    input: 'special-args',
    default: '',
    differs: 'Counts for a nix-file too.',
    test: 'bundle/configurations › special-args reach the modules of a file, and change the plan',
  },
  {
    name: 'instance_id',
    input: 'install-id',
    default: '',
    differs:
      'Counts with `on-installed: converge`. Recorded on the machine itself instead of in a state file.',
    test: 'unit/decide › an id that is not recorded yet makes an update of the system that runs',
  },
  {
    name: 'update of a machine that is installed',
    input: 'on-installed',
    default: 'fail',
    differs:
      '`update`, or as a part of `converge`. Done without asking is nothing: the default stops. Copies go on where they stopped; failed units (exit code 4) are a warning always.',
    test: 'unit/decide › says what to do where it stops',
  },
  {
    name: 'disk_encryption_key_scripts',
    input: 'disk-encryption-keys',
    default: '',
    differs: '`REMOTE_PATH exec:COMMAND`.',
    test: 'bundle/disk-keys › names every input, with the exit code of the command and without what it printed',
  },
  {
    name: 'extra_files_script',
    here: 'a step before, which fills the folder of `extra-files`; for secrets `secret-files` with `exec:COMMAND`',
    default: '',
    differs: 'What `exec:` prints never touches the runner’s disk.',
    test: 'unit/new-system › a path, options and a source that is the rest of the line',
    mutation: {
      file: 'src/inputs/secret-files.ts',
      search: 'source: source.ok }',
      replace: "source: { kind: 'path', path: '/' } }",
    },
  },
  {
    name: 'install_bootloader',
    input: 'install-bootloader',
    default: 'true in an install, false in an update',
    differs: 'Also keeps an install from touching the boot loader.',
    test: 'bundle/new-system › a second run over the first comes to the same',
  },
  {
    name: 'extra_environment',
    here: '`env:` of the step',
    default: '',
    differs:
      'Nix and the commands of `exec:` get it; a variable that an input names by `env:NAME` they do not get.',
    test: 'unit/secrets › withholds inputs, tokens, command files and whatever contains a secret',
    mutation: {
      file: 'src/child-environment.ts',
      search: 'result[name] = value;',
      replace: 'if (/^(PATH|NIX_|HOME|TMPDIR|XDG_)/.test(name)) result[name] = value;',
    },
  },
  {
    name: 'install_user and install_port',
    here: '`target-host`, `ssh-port`',
    input: 'target-host',
    default: 'required, unless no machine is contacted',
    differs: '',
    test: 'bundle/plan › a plan is made twice the same, and changes nothing on the machine',
  },
  {
    name: 'target_user',
    input: 'post-install-ssh-user',
    default: 'root if the configuration lets it in, else a user who is let in',
    differs: '',
    test: 'loopback/verify › is reached at another port, by another user and with another key',
  },
  {
    name: 'target_port',
    input: 'post-install-ssh-port',
    default: 'post-kexec-ssh-port if given, else the first of services.openssh.ports',
    differs: '',
    test: 'loopback/verify › is reached at another port, by another user and with another key',
  },
  {
    name: 'deployment_ssh_key beside install_ssh_key',
    input: 'post-install-ssh-private-key',
    default: 'ssh-private-key',
    differs: '',
    test: 'loopback/verify › is reached at another port, by another user and with another key',
  },
];
