/** One input of the action: the source for action.yml's contract test, the README and the list of known names. */
export interface InputDefinition {
  readonly name: string;
  readonly description: string;
  /** As a user would write it; undefined where there is none. Kept here and not in action.yml, so that a value's source is known. */
  readonly default?: string;
  readonly required?: boolean;
}

const defaultKexec = 'the nixos-images installer for the target’s architecture';

export const inputs = [
  {
    name: 'flake',
    description: 'Flake reference and configuration, `URI#NAME`: installs `nixosConfigurations.NAME`.',
    required: true,
  },
  {
    name: 'target-host',
    description: 'The machine to install, `[user@]host`; the user is root if not given.',
    required: true,
  },
  {
    name: 'ssh-private-key',
    description: 'Contents of the private key that logs in to the target (from a secret).',
    required: true,
  },
  { name: 'ssh-port', description: 'Port of the target’s SSH server.', default: '22' },
  {
    name: 'post-kexec-ssh-port',
    description: 'Port of the SSH server of the installer and of the installed system.',
    default: '22',
  },
  {
    name: 'known-hosts',
    description:
      'known_hosts lines that pin the target’s host key; any other key is refused before the login. Without it the first key seen is trusted, with a warning.',
  },
  { name: 'kexec', description: 'Kexec image: a path on the runner or a URL.', default: defaultKexec },
  {
    name: 'phases',
    description: 'Which of kexec, disko, install, reboot to carry out, separated by commas.',
    default: 'kexec,disko,install,reboot',
  },
  {
    name: 'on-installed',
    description: 'What to do with a machine that already runs NixOS: `fail` or `reinstall`.',
    default: 'fail',
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
    name: 'plan',
    description: 'Only shows what would be done; changes nothing on the target.',
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
