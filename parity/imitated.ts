/** Something that the tests have in place of the real thing. */
export interface StandIn {
  /** Where it is, from the root of the repository; a folder ends in a slash. */
  readonly files: readonly string[];
  readonly standsFor: string;
  /** How far it is the real thing. */
  readonly real: string;
  /** What therefore nobody has seen. */
  readonly unproven: string;
}

export const standIns: readonly StandIn[] = [
  {
    files: ['testbed/installer/', 'testbed/build-installer.sh'],
    standsFor: 'the kexec image of nixos-images, and the NixOS installer in it',
    real: 'a real kernel, a real kexec with the same layout and contract, a real sshd, a real Nix; the tools for disks are Debian’s',
    unproven: 'the images that nixos-images publishes; its own network restoring; systemd in the installer',
  },
  {
    files: ['testbed/installer/rootfs/usr/bin/nixos-install'],
    standsFor: 'nixos-install',
    real: 'refuses other arguments, registers the closure in a real store, runs the system’s own boot loader program',
    unproven: 'nixos-install of NixOS with the boot loaders of NixOS',
  },
  {
    files: [
      'testbed/installer/rootfs/usr/bin/nixos-facter',
      'testbed/installer/rootfs/usr/bin/nixos-generate-config',
    ],
    standsFor: 'nixos-facter and nixos-generate-config',
    real: 'take the same arguments, and look at the machine',
    unproven: 'the reports of the real ones, and what NixOS makes of them',
  },
  {
    files: ['testbed/flake/', 'testbed/build-flake.sh'],
    standsFor: 'nixpkgs, NixOS, and disko’s module',
    real: 'a real flake, evaluated and built by a real Nix; a disko script that partitions, encrypts, formats and mounts for real; a system that boots by UEFI and answers over SSH',
    unproven: 'the size and the corners of a real NixOS evaluation; disko’s own scripts; activation of NixOS',
  },
  {
    files: ['testbed/guest/'],
    standsFor: 'initrds: of the machine that is taken over, and of NixOS',
    real: 'mount the disks that are there, and open what is encrypted',
    unproven: 'NixOS’ initrd with systemd',
  },
  {
    files: ['testbed/build-target.sh'],
    standsFor: 'a machine at a provider',
    real: 'a Debian 12 with systemd, sshd and sudo on a disk that boots by UEFI',
    unproven: 'other providers’ images, BIOS machines, real hardware',
  },
  {
    files: ['testbed/qemu.mts', 'testbed/machine.mts', 'testbed/snapshot.mts'],
    standsFor: 'hardware',
    real: 'a whole machine with firmware, disks and a network card, by KVM or emulated',
    unproven: 'firmware of real boards, network cards that come back otherwise after kexec, ARM',
  },
  {
    files: ['testbed/cache-service.mts', 'testbed/cache-faults.mts'],
    standsFor: 'GitHub’s cache service',
    real: 'the calls of its second version and the blobs, for the real client of @actions/cache, over real connections',
    unproven:
      'the service itself: its scopes by branch, its limits and how it throws entries away; Azure’s blobs',
  },
  {
    files: ['testbed/action.mts'],
    standsFor: 'GitHub’s runner',
    real: 'environment, command files, cancelling and line reading as in actions/runner; Node 24',
    unproven: 'GitHub itself: masks in its log, annotations and summaries as it shows them',
  },
  {
    files: ['testbed/workflow.mts', 'testbed/workflow/'],
    standsFor: 'what GitHub makes of a reusable workflow',
    real: 'read and evaluated by GitHub’s own parser and expressions; the action and the scripts run, with a checkout by git',
    unproven:
      'GitHub itself: reviewers and environments, an empty environment, concurrency between runs, permissions of the token, artifacts between jobs, how soon a failed job shows in the list of jobs',
  },
  {
    files: ['testbed/proxy.mts', '__tests__/support/network.ts'],
    standsFor: 'a network that delays, slows, cuts and swallows',
    real: 'real connections over loopback and in network namespaces',
    unproven: 'links that lose single packets, firewalls that answer for others',
  },
  {
    files: [
      'testbed/sshd.mts',
      '__tests__/support/machine.ts',
      '__tests__/support/machine.sh',
      '__tests__/support/workflow.ts',
    ],
    standsFor: 'a machine to connect to, where no virtual one is needed',
    real: 'a real OpenSSH server, a real Nix store, root in namespaces of its own',
    unproven: 'its kexec, its disks and its reboot: the virtual machine has those',
  },
  {
    files: ['__tests__/support/nixpkgs.ts', '__tests__/support/examples.ts'],
    standsFor:
      'nixpkgs, for configurations without a flake and for the flakes of examples/; and disko’s module for these',
    real: 'the same file names and functions, evaluated by a real Nix',
    unproven: 'the module system of nixpkgs, its options, and that the examples’ modules fit it',
  },
  {
    files: [
      '__tests__/support/bundle.ts',
      '__tests__/support/cache.ts',
      '__tests__/support/cache-attack.ts',
      '__tests__/support/fleet.ts',
      '__tests__/support/forged-layer.ts',
      '__tests__/support/install.ts',
    ],
    standsFor: 'kexec images and flakes of single tests',
    real: 'tarballs and flakes that the action takes as it takes others; an image’s run script only says something',
    unproven: 'nothing that the virtual machine does not show',
  },
  {
    files: ['__tests__/support/binary-cache.ts'],
    standsFor: 'a binary cache with a password',
    real: 'made by Nix, signed, served over HTTP',
    unproven: 'TLS, and caches of providers',
  },
  {
    files: [
      '__tests__/support/context.ts',
      '__tests__/support/evaluation.ts',
      '__tests__/support/planned.ts',
      '__tests__/support/results.ts',
      '__tests__/support/situation.ts',
    ],
    standsFor: 'what an evaluation and a machine tell',
    real: 'types of the code, values of real machines',
    unproven: 'nothing: the bundle’s tests evaluate and ask for real',
  },
  {
    files: ['__tests__/support/runtime.ts'],
    standsFor: 'log, clock and processes',
    real: 'real processes and a real clock; only the log is kept instead of printed',
    unproven: 'nothing: the bundle’s tests have the real ones',
  },
];

/** What is no stand-in: it builds, starts, watches, names or compares. */
export const tools: readonly string[] = [
  '__tests__/support/carry-out.ts',
  '__tests__/support/concurrent.ts',
  '__tests__/support/documents.ts',
  '__tests__/support/fault-table.ts',
  '__tests__/support/known-failures.ts',
  '__tests__/support/leak.ts',
  '__tests__/support/list-tar.sh',
  '__tests__/support/named-tests.ts',
  '__tests__/support/read-workflow.ts',
  '__tests__/support/settings.ts',
  '__tests__/support/shown-steps.ts',
  '__tests__/support/store.ts',
  '__tests__/support/watcher.ts',
  'testbed/build.mts',
  'testbed/build.sh',
  'testbed/common.sh',
  'testbed/demo.mts',
  'testbed/empty-runner.mts',
  'testbed/guard.sh',
  'testbed/kept-cache.mts',
  'testbed/lib.sh',
  'testbed/paths.mts',
  'testbed/ports.mts',
  'testbed/smoke/',
  'testbed/tsconfig.json',
];
