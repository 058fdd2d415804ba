import type { TestName } from './row';

/** Something that a seed document says, tells to do, or promises. */
export interface SeedRow {
  readonly says: string;
  /** Where it is handled: code, an input, a chapter. */
  readonly here: string;
  /** The test, or why there is none here. */
  readonly proof: TestName | `none: ${string}`;
}

export interface SeedSection {
  readonly title: string;
  readonly rows: readonly SeedRow[];
}

const offlinePlan = 'bundle/offline › plan: offline needs a flake and nothing else, and contacts nothing';
const wholeInstall =
  'e2e/install › reinstalls it, with host keys that are made before the reboot and then expected';
const asSudoUser =
  'e2e/install › installs as a sudo user, with the image by URL and the old host keys copied';
const storePaths = 'e2e-all/store-paths › installs what was built elsewhere, from two store paths';
const oldNotes = 'none: text for people, with nothing to carry out';

export const seeds: readonly SeedSection[] = [
  {
    title: 'Requirements: the machine that it starts from',
    rows: [
      { says: 'Linux with Nix', here: 'README, Requirements', proof: wholeInstall },
      {
        says: 'macOS with Nix',
        here: 'src/private-folder.ts (paths of sockets), src/inputs/load-secrets.ts (pipes)',
        proof: 'unit/private-folder › lies in the usual folder as long as macOS takes the socket’s path',
      },
      {
        says: 'NixOS as the source',
        here: 'the Nix that PATH leads to',
        proof: 'bundle/refusals › a Nix that is installed beside others is found by PATH alone',
      },
      {
        says: 'Windows through WSL2',
        here: 'src/runner.ts: Windows itself is refused and WSL2 named',
        proof: 'bundle/runner › a Windows runner is refused before inputs are looked at',
      },
      {
        says: 'It builds for the target’s platform, or the target builds',
        here: '`build-on`',
        proof: 'unit/build-place › %s, a system of %s: %s',
      },
      {
        says: 'Nix is installed, in a version that is recent enough',
        here: 'src/nix/nix.ts',
        proof: 'bundle/refusals › that is too old',
      },
      {
        says: 'Where there is no Nix: the page that says how to install it',
        here: 'src/nix/missing.ts names the step to add',
        proof: 'bundle/refusals › that is missing',
      },
      {
        says: 'Flakes are enabled (`nix flake` tells), else see the wiki',
        here: 'src/nix/nix.ts passes the features; settings need not have them',
        proof: offlinePlan,
      },
      {
        says: 'nixos-anywhere need not be installed: `nix run github:nix-community/nixos-anywhere`',
        here: '`uses:` of the action; dist/ needs no installation either',
        proof: 'bundle/plan › importing the program does nothing',
      },
    ],
  },
  {
    title: 'Requirements: the machine that is installed',
    rows: [
      {
        says: 'Reachable over the internet or a local network, by SSH',
        here: 'src/ssh/connection.ts',
        proof: 'bundle/refusals › a host without a route',
      },
      {
        says: 'No wireless networks',
        here: 'src/plan/checks.ts: refused before the kexec',
        proof:
          'unit/plan › a machine that is connected by wireless alone is not sent where nobody can follow',
      },
      {
        says: 'A VPN needs an installer of one’s own (`--kexec`)',
        here: '`kexec`, and `post-kexec-ssh-host` where its address is another',
        proof: 'loopback/staging › compressed with %s, told by its contents',
      },
      {
        says: 'Either it runs a NixOS installer already',
        here: 'src/plan/plan.ts: no kexec then',
        proof: 'unit/plan › an installer needs no kexec',
      },
      {
        says: 'or x86_64 or aarch64 Linux with kexec; others with an image of their own',
        here: 'src/plan/checks.ts',
        proof: 'unit/plan › stop at %s',
      },
      {
        says: 'kexec support of the kernel',
        here: 'src/plan/checks.ts: kexec_load_disabled, lockdown',
        proof: 'unit/plan › stop at %s',
      },
      {
        says: '1.5 GB of memory without swap (older texts: 1 GB)',
        here: 'src/plan/checks.ts: refused under 900 MiB, a warning under 1400 MiB',
        proof: 'e2e/refusals › refuses a machine with too little memory before anything is built',
      },
      {
        says: 'A virtual machine under QEMU, also a live system from USB',
        here: 'the testbed’s machine is one',
        proof: wholeInstall,
      },
      {
        says: 'Its address comes by DHCP',
        here: 'the image takes addresses and routes along; `post-kexec-ssh-host` where they change',
        proof: 'none: the stand-in for the installer uses DHCP; what nixos-images restores is theirs',
      },
      {
        says: 'Login as root, or as a user with sudo without a password',
        here: 'src/plan/facts.ts, privileges',
        proof: asSudoUser,
      },
      {
        says: 'Login by a key (preferred), or by a password',
        here: '`ssh-private-key`, `ssh-password`',
        proof:
          'bundle/login › upstream: the password is never used for sudo; plans as a user who becomes root by it, and is shown nowhere',
      },
    ],
  },
  {
    title: 'Quickstart: before the run',
    rows: [
      {
        says: 'A flake, a disk layout, a machine: what is needed',
        here: 'the required inputs',
        proof: 'bundle/inputs › nothing given: the required inputs are named',
      },
      {
        says: 'Copy the example flake, or add disko to one’s own',
        here: 'a configuration without disko is refused',
        proof: 'bundle/refusals › without a disko script',
      },
      {
        says: 'Replace CHANGE by one’s own SSH key, else nobody can log in afterwards',
        here: 'src/plan/lock-out.ts refuses it before anything is done; `allow-lockout`',
        proof: 'bundle/refusals › that lets nobody in: the key of the quickstart was not replaced',
      },
      {
        says: 'disk-config.nix, adapted to the disk that lsblk shows',
        here: 'the plan names every disk; a missing one is answered with those that exist',
        proof: 'unit/disks/disks › a disk that is missing is answered with those that exist',
      },
      {
        says: 'A layout that boots by EFI and by BIOS',
        here: 'src/plan/firmware.ts compares the boot loader with the machine’s firmware',
        proof: 'unit/afterwards-guards › BIOS cannot start %s',
      },
      {
        says: '`nix flake lock`',
        here: 'a missing lock file is a warning, and none is written',
        proof: 'bundle/refusals › without a lock file: a warning, and the file is not written',
      },
      {
        says: 'Commit the files, or use a local folder',
        here: '`flake` takes every reference; files that git does not know are named',
        proof: 'bundle/refusals › whose key files are not in git',
      },
      {
        says: 'Put the public key into root’s authorized_keys',
        here: 'src/scripts/access.sh looks whether the image will take it along',
        proof: 'loopback/scripts-machine › does not count a line that is a comment',
      },
      {
        says: 'It makes a temporary SSH key, and asks for a password where one’s own is not found',
        here: 'only where one logs in by password or agent; given keys are used as they are',
        proof:
          'bundle/login › a run by password goes on in the installer with a key of its own, and leaves none on the old system',
      },
      {
        says: 'Password login of the image-installer: `SSHPASS` (also `SSH_PASS`) and `--env-password`',
        here: '`ssh-password`, or one of the variables',
        proof:
          'bundle/login › upstream: the password is never used for sudo; plans as a user who becomes root by it, and is shown nowhere',
      },
      {
        says: '`--vm-test` tests configuration and disk layout in a virtual machine',
        here: '`vm-test`',
        proof:
          'bundle/vm-test › a test that passes: its log is shown, the outcome is tested, and it is not run again',
      },
      {
        says: 'Import ./hardware-configuration.nix beforehand, which the run only generates',
        here: '`generate-hardware-config`: a placeholder until then',
        proof:
          'loopback/hardware-config › upstream: a file that is missing on the first run is no obstacle, %s',
      },
      {
        says: 'or nixos-facter, with its modules and `facter.reportPath = ./facter.json`',
        here: '`generate-hardware-config: nixos-facter ./facter.json`',
        proof:
          'bundle/hardware-config › the first run: the file is made, git knows it, and what is installed contains it',
      },
      {
        says: 'Skip it, or do not import it, while there is no hardware configuration',
        here: '`vm-test` beside `generate-hardware-config` is refused',
        proof: 'unit/read-configuration › refuses other kinds, and what it would leave out',
      },
    ],
  },
  {
    title: 'Quickstart: the run, and after it',
    rows: [
      {
        says: '`nix run … -- --flake PATH#NAME --target-host root@IP`, or the host alone',
        here: '`flake`, `target-host`',
        proof: wholeInstall,
      },
      {
        says: 'A flake in an absolute path, `/home/mydir/test#hetzner-cloud`',
        here: '`flake`',
        proof:
          'loopback/configurations › addresses: folders and path: with blanks and letters beyond ASCII, git with a branch, a folder below',
      },
      {
        says: 'It ends with "Installation finished. No error reported."',
        here: '`outcome` installed, and `verified`: the new system was seen running',
        proof: 'loopback/verify › is proven by its host key, another boot and its path',
      },
      {
        says: 'Afterwards the host key is another: "REMOTE HOST IDENTIFICATION HAS CHANGED"; `ssh-keygen -R`',
        here: 'outputs `host-keys` and `age-public-keys`; `copy-host-keys` keeps the old ones',
        proof: 'unit/result › gives every output, each a text',
      },
      {
        says: '"Offending ECDSA key in known_hosts:6" names the line that has to go',
        here: 'both fingerprints and the name to look for are said',
        proof: 'bundle/refusals › another host key than known-hosts says',
      },
      {
        says: 'No /etc/nixos/configuration.nix is made; the flake is where changes are made',
        here: 'nothing is written there either',
        proof: 'none: nothing does it, so nothing can be seen to do it',
      },
      {
        says: 'Update on the machine: `nixos-rebuild switch --flake`',
        here: 'README names `on-installed: update` instead',
        proof: 'e2e-all/update › is switched to a changed configuration without a reboot',
      },
      {
        says: 'Update from elsewhere: `nixos-rebuild switch --target-host`',
        here: '`on-installed: update`',
        proof:
          'loopback/update › copies, sets the profile, switches, and records its id; once more it changes nothing',
      },
      { says: 'deploy-rs, colmena, nixinate for what comes later', here: 'not replaced', proof: oldNotes },
    ],
  },
  {
    title: 'How-to: a machine without an operating system',
    rows: [
      {
        says: 'Boot the NixOS installer, from USB or by netboot',
        here: 'a machine that runs one is taken as it is',
        proof: 'e2e-all/phases › a machine that is an installer already is installed without kexec',
      },
      {
        says: 'It is known by `VARIANT_ID=installer` (older text: `VARIANT=installer`) in /etc/os-release',
        here: 'src/scripts/facts.sh takes both, quoted or not',
        proof: 'loopback/scripts-machine › tells NixOS and its installer from others: %j',
      },
      {
        says: 'No kexec then: for machines with too little memory, or without kexec',
        here: 'what only kexec needs is not asked for',
        proof: 'unit/plan › let %s pass',
      },
      {
        says: 'Set a password for the user nixos with `passwd`, and log in as nixos@',
        here: '`target-host: nixos@…` with `ssh-password`: through sudo',
        proof:
          'bundle/sudo-installer › one who logs in to the installer as another user than root: all is done through sudo',
      },
      {
        says: 'Find its address with `ip addr`: IPv4, IPv6, link-local with %eth0',
        here: '`target-host` takes them all, with brackets or without',
        proof:
          'loopback/ssh-options › an address of IPv6, with brackets and in whatever form, pinned as OpenSSH writes it',
      },
      {
        says: 'Try the login with `ssh -v`',
        here: '`plan: true` tries everything up to the first change; `debug` shows the steps',
        proof: 'bundle/plan › a plan is made twice the same, and changes nothing on the machine',
      },
    ],
  },
  {
    title: 'How-to: an image of one’s own, IPv6, repair',
    rows: [
      {
        says: 'Only boot the installer ("kexec tarball method"), to look at the machine',
        here: '`phases: kexec`',
        proof: 'e2e-all/phases › a machine is installed by four runs of one phase each',
      },
      {
        says: 'Stop after disko, or before the reboot, to go on by hand',
        here: '`phases`, or the deprecated inputs',
        proof: 'e2e-all/phases › a machine is installed by four runs of one phase each',
      },
      {
        says: '`--kexec PATH`: the image is uploaded',
        here: '`kexec`',
        proof: 'loopback/staging › of many megabytes, while the connection is closed and while it vanishes',
      },
      {
        says: 'The image is built with `nix build github:nix-community/nixos-images#…`',
        here: 'a step before this one; its result is a path',
        proof: 'none: nixos-images is not reachable from the tests',
      },
      {
        says: 'Other architectures are built natively, by a remote builder, or emulated (binfmt)',
        here: '`build-on: auto` counts all three',
        proof:
          'loopback/build-place › upstream: extra-platforms never matches; here an emulated system is built here',
      },
      {
        says: 'IPv6-only machines cannot reach GitHub: a proxy (gh-v6.com), or a local file',
        here: 'no proxy: the runner fetches the image and sends it on',
        proof:
          'unit/kexec-image › upstream: IPv6-only targets are sent to a third-party proxy; a way out by IPv6 alone is not made to wait for GitHub',
      },
      {
        says: 'A local image is uploaded by sftp',
        here: 'by a channel of the one connection; the machine needs no sftp',
        proof: 'loopback/staging › with neither there: fetched here and sent on',
      },
      {
        says: 'Repair an installation without wiping data',
        here: '`disko-mode: mount`',
        proof: 'e2e-all/disko-modes › is reinstalled in mode mount, and keeps its files',
      },
    ],
  },
  {
    title: 'How-to: secrets, disk encryption, files',
    rows: [
      {
        says: 'A script that decrypts a host key with pass into a folder for `--extra-files`, with modes 755 and 600',
        here: '`secret-files` with `exec:pass …`: nothing lies on the runner; or `extra-files`',
        proof:
          'bundle/new-system › an install puts files, secrets and owners where they belong, between the hooks',
      },
      {
        says: 'For sops-nix and agenix, which need the machine’s key',
        here: 'outputs `age-public-keys` and `host-keys`; [host-identity.md](host-identity.md)',
        proof:
          'bundle/how-tos-identity › a key that was made beforehand is the new system’s, and opens what was encrypted for it',
      },
      {
        says: '`--disk-encryption-keys /tmp/disk-1.key /tmp/disk-1.key`, repeated',
        here: '`disk-encryption-keys`, a line each',
        proof:
          'bundle/disk-keys › reach disko byte for byte from every source, for root alone, and are gone afterwards',
      },
      {
        says: 'the same from a pipe, `<(pass …)`',
        here: '`exec:pass …`, or a named pipe',
        proof:
          'unit/load-secrets › of a pipe: read once, though two keys name it, and however late it is filled',
      },
      {
        says: '`echo` writes the passphrase with a newline',
        here: 'a warning, and how to avoid it',
        proof:
          'bundle/upstream › upstream: a trailing newline becomes part of the passphrase; a warning says so',
      },
      {
        says: '`--copy-host-keys` after kexec and before the installation, never over files that are there',
        here: '`copy-host-keys`',
        proof: 'loopback/scripts-machine › never copies over a key that is there',
      },
      {
        says: 'Files come over recursively, existing ones are replaced, all are root’s',
        here: '`extra-files`',
        proof:
          'loopback/scripts-extra-files › arrive with their contents and modes, owned by root, whatever the umask',
      },
    ],
  },
  {
    title: 'How-to: without flakes, hardware, channels, Terraform',
    rows: [
      {
        says: 'nix-build of `config.system.build.toplevel` with `-I nixos-config=…`',
        here: '`nix-file: <nixpkgs/nixos>`, or the module itself',
        proof:
          'loopback/configurations › <nixpkgs/nixos> with nixos-config in NIX_PATH, as nixos-rebuild build --no-flake',
      },
      {
        says: 'nix-build of `diskNoDeps`, or of `config.system.build.disko`',
        here: '`no-disko-deps`; any executable is taken for a disko script',
        proof: 'bundle/configurations › no-disko-deps takes the script without tools, in every mode',
      },
      {
        says: '`--store-paths TOPLEVEL DISKO` (elsewhere in the other order)',
        here: '`store-paths` tells them apart',
        proof: 'unit/store-paths › takes both in any order, however they are separated',
      },
      {
        says: '`--store-paths $(nix-build -A … -A … --no-out-link) root@machine`',
        here: '`store-paths` from the output of a step before',
        proof: storePaths,
      },
      {
        says: 'Download a layout of disko-templates with curl',
        here: 'a file of the checkout',
        proof: oldNotes,
      },
      {
        says: '`nixos-generate-config --no-filesystems` on the machine (with `--root /mnt` or `--dir`), and copy its file',
        here: '`generate-hardware-config: nixos-generate-config PATH`',
        proof:
          'bundle/hardware-config › the first run: the file is made, git knows it, and what is installed contains it',
      },
      {
        says: 'default.nix with fetchTarball of nixpkgs and eval-config.nix',
        here: '`nix-file`',
        proof: 'bundle/configurations › nix-file: the machine of a default.nix is planned and built',
      },
      {
        says: 'configuration.nix that imports disko by fetchTarball',
        here: '`nix-file`: a module',
        proof:
          'loopback/configurations › configuration.nix: what nix-build -I nixos-config=… <nixpkgs/nixos> gives',
      },
      {
        says: 'Terraform’s modules, with the null and external providers',
        here: 'flags.md has their parameters; no provider is needed',
        proof: 'unit/parity › $name: $input exists, and has that default',
      },
      {
        says: '"file ‘nixpkgs’ was not found": set nix.nixPath, or add a channel by hand',
        here: 'src/report/hints.ts; no channel is copied',
        proof: 'unit/known-failures › is recognised in the message, and in the lines before it',
      },
    ],
  },
  {
    title: 'The tutorial on nix.dev',
    rows: [
      {
        says: 'npins init, and disko and nixpkgs as pins',
        here: '`nix-file` finds npins beside it',
        proof: 'loopback/configurations › npins beside the module stand in for NIX_PATH, which comes first',
      },
      {
        says: 'shell.nix with NIX_PATH for nixpkgs and nixos-config',
        here: 'NIX_PATH of the step reaches Nix',
        proof:
          'loopback/configurations › <nixpkgs/nixos> with nixos-config in NIX_PATH, as nixos-rebuild build --no-flake',
      },
      {
        says: 'single-disk-layout.nix: boot partition for BIOS, EFI partition, root',
        here: 'bound to the disk that is there; the boot loader’s files are checked',
        proof: 'loopback/scripts-machine › %s needs a configuration that names the system',
      },
      {
        says: 'grub with efiInstallAsRemovable, qemu-guest.nix',
        here: 'src/plan/firmware.ts',
        proof: 'loopback/evaluation › boot loaders with their places',
      },
      {
        says: '`<your SSH key here>` in authorizedKeys must be replaced',
        here: 'src/plan/lock-out.ts',
        proof: 'unit/afterwards-guards › stops at %s',
      },
      {
        says: 'Test the layout: `nix-build -E "((import <nixpkgs> {}).nixos [ ./configuration.nix ]).installTest"`',
        here: '`vm-test` with `nix-file`',
        proof: 'loopback/configurations › pkgs.nixos: ((import <nixpkgs> {}).nixos [ ./configuration.nix ])',
      },
      {
        says: '`nixos-rebuild build --no-flake`, then `--store-paths "$diskoScript" "$toplevel"`',
        here: '`store-paths`; result links are followed',
        proof: 'unit/store-paths › follows result links, in chains too',
      },
      {
        says: 'Check that the configuration is valid',
        here: '`build-only`, `plan: offline`',
        proof: 'bundle/offline › build-only: true builds system and disko script, and contacts nothing',
      },
      {
        says: 'Update: `npins update`, `nixos-rebuild switch --no-flake --target-host`',
        here: '`on-installed: update`',
        proof: 'e2e-all/update › is switched to a changed configuration without a reboot',
      },
      {
        says: 'Next: a binary cache over HTTP, post-build hooks',
        here: '`netrc`, substituters of the configuration; post-build hooks are the runner’s own',
        proof:
          'loopback/substituters › upstream: no netrc; a cache that asks for a password is used with one, for the store %s',
      },
    ],
  },
  {
    title: 'The review',
    rows: [
      {
        says: 'kexec instead of boot media, disko for the disks, unattended',
        here: 'README, What happens',
        proof: wholeInstall,
      },
      {
        says: 'One has to trust disko',
        here: 'what it would wipe is read from the configuration, shown, and bound to the disks',
        proof: 'e2e/disks › loses exactly what the plan says when a disk is deactivated as disko does it',
      },
      {
        says: 'Consistent, repeatable deployments by code',
        here: '`approved-plan`, `converge`, the result file',
        proof:
          'bundle/approval › the approved plan goes on; what was approved for another machine, system or action does not',
      },
      { says: 'Shell scripts with few dependencies', here: 'README, Dependencies', proof: oldNotes },
    ],
  },
  {
    title: 'Reference: the error messages',
    rows: [
      {
        says: '1 Failure unpacking initrd',
        here: 'src/report/hints.ts',
        proof: 'unit/known-failures › is recognised in the message, and in the lines before it',
      },
      {
        says: '2 Flake … does not provide attribute',
        here: 'the names that exist are listed',
        proof: 'bundle/refusals › without that configuration: the names that exist',
      },
      {
        says: '3, 12 Please specify the name of the NixOS configuration … as a URI fragment',
        here: 'src/inputs/flake-reference.ts; disko’s own has a hint',
        proof: 'bundle/upstream › upstream: without #NAME two lines of help and exit 1',
      },
      {
        says: '4 Retrieving host facts via ssh failed',
        here: 'src/plan/facts.ts names what is missing',
        proof: 'unit/facts › names the first missing fact when nothing came, and shows what came instead',
      },
      {
        says: '5 ssh-host must be set',
        here: '`target-host` is required',
        proof: 'bundle/inputs › nothing given: the required inputs are named',
      },
      {
        says: '6 … must be existing store-paths',
        here: 'src/inputs/store-paths.ts',
        proof: 'unit/store-paths › refuses what is neither, or not there, or twice the same',
      },
      {
        says: '7 flake must be set',
        here: 'src/inputs/read-configuration.ts',
        proof: 'unit/read-configuration › exactly one way',
      },
      {
        says: '8 no tar command found',
        here: 'src/plan/checks.ts',
        proof: 'bundle/refusals › that lacks what kexec needs',
      },
      {
        says: '9 no setsid command found',
        here: 'not needed as upstream needs it: any setsid will do',
        proof: 'bundle/refusals › that lacks what kexec needs',
      },
      {
        says: '10 This script requires Linux as the operating system',
        here: 'src/plan/checks.ts',
        proof: 'unit/plan › stop at %s',
      },
      {
        says: '11 The default kexec image only support x86_64 cpus',
        here: 'src/plan/checks.ts',
        proof: 'unit/plan › stop at %s',
      },
      {
        says: '13 mode must be either create, mount or zap_create_mount',
        here: 'src/report/hints.ts',
        proof: 'unit/known-failures › is recognised in the message, and in the lines before it',
      },
      {
        says: '14 disko config must be an existing file or flake must be set',
        here: 'src/report/hints.ts',
        proof: 'unit/known-failures › is recognised in the message, and in the lines before it',
      },
      {
        says: 'Errors of the operating system are not listed',
        here: 'the last lines of every program that fails are shown, made harmless',
        proof: 'unit/failure-of › makes foreign text harmless and keeps the last lines only',
      },
    ],
  },
];

/** The options in the seeds' texts, old and new; each is a row of flags.md. */
export const seedOptions: readonly string[] = [
  '--flake',
  '-i',
  '--ssh-port',
  '--ssh-option',
  '--print-build-logs',
  'env-password',
  '--store-paths',
  '--no-reboot',
  '--kexec',
  '--kexec-extra-flags',
  '--post-kexec-ssh-port',
  '--copy-host-keys',
  '--stop-after-disko',
  '--extra-files',
  '--disk-encryption-keys',
  '--no-substitute-on-destination',
  '--debug',
  '--option',
  '--from',
  '--build-on-remote',
  '--vm-test',
  '--generate-hardware-config',
  '--phases',
  '--disko-mode',
  '--target-host',
];
