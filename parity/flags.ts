import type { Counterpart } from './row';

/** The command line of nixos-anywhere, in the order of its help. */
export const flags: readonly Counterpart[] = [
  {
    name: '-f, --flake URI#ATTR',
    input: 'flake',
    default: 'required, unless nix-file or store-paths is given',
    differs:
      'A quoted attribute is read. Without `#NAME` the names that exist are listed. Evaluated once, and nothing is written to the checkout.',
    test: 'bundle/offline › plan: offline needs a flake and nothing else, and contacts nothing',
  },
  {
    name: '--target-host HOST, or HOST alone',
    input: 'target-host',
    default: 'required, unless no machine is contacted',
    differs: 'An unknown input is refused; upstream takes an unknown flag for the host.',
    test: 'bundle/plan › a plan is made twice the same, and changes nothing on the machine',
  },
  {
    name: '-i FILE',
    input: 'ssh-private-key-file',
    default: '',
    differs:
      'The file’s mode, its line ends and a missing last newline do not matter. No other key is made where one is given, and none is left on the machine. The key itself goes into `ssh-private-key`; `SSH_PRIVATE_KEY` counts too.',
    test: 'bundle/login › may stand in SSH_PRIVATE_KEY, or in a file',
  },
  {
    name: 'SSHPASS (with the flag env-password)',
    input: 'ssh-password',
    default: '`SSHPASS` or `SSH_PASS` if set',
    differs:
      'The password, `env:NAME` or `exec:COMMAND`; the variables count without a flag. For every login until the installer runs, by keyboard-interactive too, and for sudo where that asks. Tried once, and only on a machine that is pinned.',
    test: 'bundle/login › upstream: the password is never used for sudo; plans as a user who becomes root by it, and is shown nowhere',
  },
  {
    name: '-p, --ssh-port PORT',
    input: 'ssh-port',
    default: '22',
    differs: '',
    test: 'bundle/plan › a plan is made twice the same, and changes nothing on the machine',
  },
  {
    name: '--ssh-option K=V',
    input: 'ssh-option',
    default: '',
    differs:
      'Those of OpenSSH’s options that have a meaning here (ssh-options.md) are built in, `ProxyJump` among them; others are refused by name. `StrictHostKeyChecking` counts; `no` is refused, since anybody could take the machine’s place.',
    test: 'loopback/ssh-options › HostName, User and Port, where target-host is only a name',
  },
  {
    name: '-L, --print-build-logs',
    input: 'print-build-logs',
    default: 'false',
    differs: '',
    test: 'bundle/flags › print-build-logs shows what a builder prints',
  },
  {
    name: '-s, --store-paths DISKO SYSTEM',
    input: 'store-paths',
    default: '',
    differs:
      'In any order, told apart by what they are; one alone where the phases need only one. Which disks the script wipes is not known, so `wipe-disks` must say it.',
    test: 'bundle/store-paths › there is nothing to build, also of one path alone',
  },
  {
    name: '--kexec PATH or URL',
    input: 'kexec',
    default: 'the nixos-images installer for the target’s architecture',
    differs:
      'How it is packed is told by its first bytes, so a URL may have a `?query`. A machine that cannot fetch it gets it from the runner; no third-party proxy is asked.',
    test: 'bundle/cancel › an image that does not start: no image and no key are left',
  },
  {
    name: '--force-kexec',
    input: 'force-kexec',
    default: 'false',
    differs: 'Takes no argument. The installer that is left lets go of the disks first.',
    test: 'bundle/kexec › force-kexec starts another installer in the place of one, which has let go of its disks',
  },
  {
    name: '--kexec-extra-flags FLAGS',
    input: 'kexec-extra-flags',
    default: '',
    differs: 'Words as a shell splits them, quotes included; no shell reads them on the way.',
    test: 'bundle/kexec › an image packed with zstd, for a machine without it: unpacked here, pinned, and given its flags in one word',
  },
  {
    name: '--post-kexec-ssh-port PORT',
    input: 'post-kexec-ssh-port',
    default: '22',
    differs: 'Counts also without `ssh-port`.',
    test: 'unit/access-afterwards › is that %s',
  },
  {
    name: '--copy-host-keys',
    input: 'copy-host-keys',
    default: 'false',
    differs:
      'Where a key of the configuration is not there, one is made before the reboot: the new system has to show it.',
    test: 'loopback/host-keys › are given to the new system only when that is asked for',
  },
  {
    name: '--extra-files DIR',
    input: 'extra-files',
    default: '',
    differs:
      'Folders that are there keep their modes and owners (upstream’s take those of the source), nothing is written through a link that leads out of `/mnt`, and what cannot be copied is named before the connection. The machine must be pinned.',
    test: 'bundle/new-system › an install puts files, secrets and owners where they belong, between the hooks',
  },
  {
    name: '--chown PATH OWNER',
    input: 'chown',
    default: '',
    differs:
      'Paths of any length and with blanks (upstream cuts them at about 35 characters and changes a parent). Names are those of the new system, not of the installer; links are never followed.',
    test: 'bundle/new-system › an install puts files, secrets and owners where they belong, between the hooks',
  },
  {
    name: '--disk-encryption-keys REMOTE LOCAL',
    input: 'disk-encryption-keys',
    default: '',
    differs:
      'A file, a pipe, `env:NAME` or `exec:COMMAND`. Sent byte for byte, for root alone, and removed before the reboot. A newline at the end is a warning. The machine must be pinned.',
    test: 'bundle/disk-keys › reach disko byte for byte from every source, for root alone, and are gone afterwards',
  },
  {
    name: '--no-substitute-on-destination',
    input: 'no-substitute-on-destination',
    default: 'false',
    differs: 'What lies in the installer’s own store already is not sent again all the same.',
    test: 'loopback/substituters › with %s its own are asked only if that allows it',
  },
  {
    name: '--no-use-machine-substituters',
    input: 'no-use-machine-substituters',
    default: 'false',
    differs: 'The substituters reach the target’s Nix as arguments, in no file and through no shell.',
    test: 'loopback/substituters › with %s asks none of the configuration’s',
  },
  {
    name: '--ssh-store-setting K V',
    input: 'ssh-store-setting',
    default: '',
    differs:
      'Closures go through the run’s own SSH connection, not through an SSH store of Nix: `compress`, `max-connections` and `path-info-cache-size` are accepted with a warning, others refused by name with what holds instead.',
    test: 'bundle/flags › ssh-store-setting has no effect, and says so; what would be wanted elsewhere is refused by name',
  },
  {
    name: '--debug',
    input: 'debug',
    default: 'false',
    differs:
      'No shell trace, and so no secret in one: each step says what it does. Implies `print-build-logs`.',
    test: 'bundle/flags › debug shows the settings with their sources, and implies print-build-logs',
  },
  {
    name: '--option K V',
    input: 'option',
    default: '',
    differs: 'One a line; also `NAME = VALUE`.',
    test: 'bundle/flags › option reaches Nix as it stands',
  },
  {
    name: '--build-on auto|local|remote',
    input: 'build-on',
    default: 'auto',
    differs:
      'Decided from the evaluation, before anything is done; the runner’s extra-platforms and its remote builders count.',
    test: 'unit/build-place › %s, a system of %s: %s',
  },
  {
    name: '--show-trace',
    input: 'show-trace',
    default: 'false',
    differs: 'Counts for the evaluation too, which fails first.',
    test: 'bundle/configurations › show-trace shows where an evaluation came from',
  },
  {
    name: '--from STORE',
    input: 'from',
    default: '',
    differs:
      'Store paths need not be on the runner: they are copied from there. Builds fetch from there what they can; the copy to the machine comes from the runner.',
    test: 'bundle/configurations › upstream: from cannot supply absent paths; store-paths that the runner lacks are copied from there',
  },
  {
    name: '--vm-test',
    input: 'vm-test',
    default: 'false',
    differs:
      'Inputs about the machine may stay. Refused early, with what to do, where the test needs KVM that is not there; ended when it takes too long.',
    test: 'bundle/vm-test › a test that passes: its log is shown, the outcome is tested, and it is not run again',
  },
  {
    name: '--generate-hardware-config nixos-facter|nixos-generate-config PATH',
    input: 'generate-hardware-config',
    default: '',
    differs:
      'Written as a whole or not at all, once it is known to be a report. It may be missing: the first plan is made with a placeholder, and made again with the file before a disk is touched.',
    test: 'bundle/hardware-config › the first run: the file is made, git knows it, and what is installed contains it',
  },
  {
    name: '--phases LIST',
    input: 'phases',
    default: 'kexec,disko,install,reboot',
    differs:
      'disko and install alone need an installer; install proves that something is mounted at `/mnt`. After reboot the new system is looked at.',
    test: 'bundle/offline › upstream lesson: build only what the chosen phases need; without disko the system alone',
  },
  {
    name: '--disko-mode disko|mount|format',
    input: 'disko-mode',
    default: 'disko',
    differs: 'The plan says what each mode loses.',
    test: 'unit/plan › without %s nothing is wiped',
  },
  {
    name: '--no-disko-deps',
    input: 'no-disko-deps',
    default: 'false',
    differs: 'Recommended where the machine has little memory.',
    test: 'bundle/configurations › no-disko-deps takes the script without tools, in every mode',
  },
  {
    name: '--stop-after-disko',
    input: 'stop-after-disko',
    default: '',
    differs: 'Deprecated there too. Beside `phases` it is refused.',
    test: 'unit/deprecated › means phases: kexec,disko, and says so',
  },
  {
    name: '--no-reboot',
    input: 'no-reboot',
    default: '',
    differs: 'Deprecated there too. Beside `phases` it is refused.',
    test: 'bundle/runner › deprecated names are annotations, in a run that contacts no machine too',
  },
  {
    name: '--build-on-remote',
    input: 'build-on-remote',
    default: '',
    differs: 'Deprecated there too. Beside another `build-on` it is refused.',
    test: 'unit/deprecated › means build-on: remote, and says so',
  },
  {
    name: '-t, --tty',
    input: 'tty',
    default: '',
    differs: 'Deprecated there too. Means nothing: no terminal is used.',
    test: 'unit/deprecated › is accepted, and means nothing',
  },
  {
    name: 'SSH_PRIVATE_KEY',
    here: 'the variable, where `ssh-private-key` is not given',
    default: '',
    differs: 'Kept in memory; no child process gets it.',
    test: 'bundle/login › may stand in SSH_PRIVATE_KEY, or in a file',
    mutation: {
      file: 'src/inputs/read-login.ts',
      search: "'SSH_PRIVATE_KEY'",
      replace: "'NO_SUCH_KEY'",
    },
  },
  {
    name: 'NIXOS_NO_CHECK',
    here: '`NIXOS_NO_CHECK` in `env:` of the step',
    default: '',
    differs: 'Reaches nixos-install, and the switch of an update; upstream’s stays on the runner.',
    test: 'loopback/scripts-new-system › upstream fault: NIXOS_NO_CHECK does not reach nixos-install',
    mutation: {
      file: 'src/scripts/nixos-install.sh',
      search: 'export NIXOS_NO_CHECK="$3"',
      replace: 'true',
    },
  },
];
