/** One input of the action: the source for action.yml's contract test, the README and the list of known names. */
export interface InputDefinition {
  readonly name: string;
  readonly description: string;
  /** As a user would write it; undefined where there is none. Kept here and not in action.yml, so that a value's source is known. */
  readonly default?: string;
  /** What holds without the input, in words, where that is no value. */
  readonly otherwise?: string;
}

const defaultKexec = 'the nixos-images installer for the target’s architecture';

export const inputs = [
  {
    name: 'flake',
    description: 'Flake reference and configuration, `URI#NAME`: installs `nixosConfigurations.NAME`.',
    otherwise: 'required, unless store-paths is given',
  },
  {
    name: 'store-paths',
    description:
      'Instead of flake: the store paths of a disko script and of a system that exist on the runner, in any order; one alone where phases need only one. Nothing is evaluated then, so that wipe-disks is required for disko.',
  },
  {
    name: 'target-host',
    description: 'The machine to install, `[user@]host`; the user is root if not given.',
    otherwise: 'required, unless no machine is contacted',
  },
  {
    name: 'ssh-private-key',
    description:
      'Private key that logs in to the target: its contents (from a secret), or `env:NAME` or `exec:COMMAND` that gives them.',
    otherwise: 'required, unless no machine is contacted',
  },
  {
    name: 'ssh-private-key-passphrase',
    description:
      'Passphrase of ssh-private-key, if it has one: itself (from a secret), `env:NAME` or `exec:COMMAND`.',
  },
  { name: 'ssh-port', description: 'Port of the target’s SSH server.', default: '22' },
  {
    name: 'post-kexec-ssh-port',
    description:
      'Port of the SSH server of the installer, and of the installed system if post-install-ssh-port is not given.',
    default: '22',
  },
  {
    name: 'known-hosts',
    description:
      'known_hosts lines that pin the target’s host key; any other key is refused before the login. Without it the first key seen is trusted, with a warning; a run that sends secrets (disk-encryption-keys) stops.',
  },
  {
    name: 'ssh-option',
    description:
      'OpenSSH options, one `NAME=VALUE` a line. Supported: `StrictHostKeyChecking` with `yes` (only a host that known-hosts pins) or `accept-new` (the first key of another is trusted, also when secrets are sent).',
  },
  {
    name: 'disk-encryption-keys',
    description:
      'Key files that disko needs, one `REMOTE_PATH SOURCE` a line: a path in the installer, and a file on the runner, `env:NAME` or `exec:COMMAND`. Sent byte for byte before disko, removed before the reboot.',
  },
  { name: 'kexec', description: 'Kexec image: a path on the runner or a URL.', otherwise: defaultKexec },
  {
    name: 'phases',
    description: 'Which of kexec, disko, install, reboot to carry out, separated by commas.',
    default: 'kexec,disko,install,reboot',
  },
  {
    name: 'on-installed',
    description:
      'What to do with a machine that already runs NixOS: `fail`, `skip` (nothing), `update` (copy and switch, nothing is wiped), `reinstall`, or `converge` (same install-id: update; another one: reinstall; none recorded: fail).',
    default: 'fail',
  },
  {
    name: 'install-id',
    description:
      'Names this installation of the machine; it is recorded there, and on-installed: converge reinstalls only when it has changed.',
  },
  {
    name: 'wipe-disks',
    description:
      'Disks that may be wiped, one a line: path, /dev/disk/by-id name, serial number or WWN; `any` allows all. Whatever else would be lost stops the run.',
    otherwise: 'the disks that the configuration names, and nothing that hangs together with them',
  },
  {
    name: 'disko-mode',
    description:
      'What disko does: `disko` (wipes, formats and mounts), `format` (adds what is missing and mounts), `mount` (only mounts).',
    default: 'disko',
  },
  {
    name: 'expect-machine',
    description: 'Machine ID (/etc/machine-id) that the target must have: for addresses that are used again.',
  },
  {
    name: 'allow-lockout',
    description: 'Installs a system even where nobody could log in to it over SSH afterwards.',
    default: 'false',
  },
  {
    name: 'copy-host-keys',
    description: 'Gives the new system the SSH host keys that the machine has now.',
    default: 'false',
  },
  {
    name: 'verify',
    description:
      'Proof that the new system runs: `system` (login, new boot, expected system), `host-key` (the expected key answers), `auto` (the best that is possible), `off`.',
    default: 'auto',
  },
  {
    name: 'post-install-ssh-host',
    description: 'Address of the installed system, where it is another than that of target-host.',
    otherwise: 'that of target-host',
  },
  {
    name: 'post-install-ssh-port',
    description: 'Port of the installed system’s SSH server.',
    otherwise: 'post-kexec-ssh-port if given, else the first of services.openssh.ports',
  },
  {
    name: 'post-install-ssh-user',
    description: 'Who logs in to the installed system to prove that it runs.',
    otherwise: 'root if the configuration lets it in, else a user who is let in',
  },
  {
    name: 'post-install-ssh-private-key',
    description:
      'Private key for the installed system, where it is another than ssh-private-key: contents, `env:NAME` or `exec:COMMAND`.',
    otherwise: 'ssh-private-key',
  },
  {
    name: 'post-install-ssh-private-key-passphrase',
    description: 'Passphrase of post-install-ssh-private-key, if it has one, in the same ways.',
  },
  {
    name: 'post-install-known-hosts',
    description:
      'known_hosts lines that pin the installed system’s host key, where that is neither copied nor made by this run.',
  },
  {
    name: 'plan',
    description:
      'Only shows what would be done; changes nothing on the target. `offline` shows what the configuration alone decides, without a connection or a secret.',
    default: 'false',
  },
  {
    name: 'approved-plan',
    description:
      'The plan-digest that was approved; if machine, system, disks or action are not what it says, nothing is done.',
  },
  {
    name: 'build-only',
    description: 'Evaluates and builds, and contacts no machine.',
    default: 'false',
  },
  {
    name: 'option',
    description: 'Nix settings for evaluation and build, one `NAME VALUE` (or `NAME = VALUE`) a line.',
  },
  { name: 'print-build-logs', description: 'Shows the full logs of builds.', default: 'false' },
  { name: 'debug', description: 'Shows details of every step; implies print-build-logs.', default: 'false' },
  {
    name: 'connect-timeout',
    description: 'How long connecting may take, each time: `90`, `90s`, `2m`, `1h`.',
    default: '2m',
  },
  {
    name: 'kexec-timeout',
    description: 'How long the machine may take from the kexec until the installer answers.',
    default: '10m',
  },
  {
    name: 'reboot-timeout',
    description: 'How long the machine may take from the reboot until the new system answers.',
    default: '15m',
  },
  {
    name: 'idle-timeout',
    description: 'How long any step may go on without output or bytes.',
    default: '10m',
  },
  {
    name: 'disko-idle-timeout',
    description: 'The same for disko, which may be silent while it formats.',
    default: '30m',
  },
] as const satisfies readonly InputDefinition[];

export type InputName = (typeof inputs)[number]['name'];
