/** What is known about failures: what the text says, and what to do about it. */
interface KnownFailure {
  readonly says: RegExp;
  readonly hint: string;
}

const knownFailures: readonly KnownFailure[] = [
  {
    says: /a terminal is required|a password is required/,
    hint: 'give the password as sudo-password, let the user run sudo without a password (NOPASSWD), or log in as root',
  },
  {
    says: /must have a tty to run sudo/,
    hint: 'take requiretty out of the sudoers file (Defaults:USER !requiretty), or log in as root',
  },
  {
    says: /password change required|required to change your password|password has expired/i,
    hint: 'the user’s password has expired: log in once by hand and set a new one, or log in as another user',
  },
  {
    says: /This account is currently not available|Your account has expired/,
    hint: 'the machine lets this user run nothing: give another user in target-host',
  },
  {
    says: /Too many authentication failures/i,
    hint: 'the machine gives up before it is shown the right key: give that one key only, as ssh-private-key, or let the machine allow more (MaxAuthTries)',
  },
  {
    says: /authorized_keys: (Permission denied|Read-only file system|Operation not permitted)/,
    hint: 'root’s authorized_keys cannot be written there, so that the installer would let nobody in: give a key that stands in it already as ssh-private-key',
  },
  {
    says: /lease login as the user/i,
    hint: 'log in as the user that the message names: target-host: user@host',
  },
  {
    says: /has no kexec\/(run|kexec|ip|bzImage|initrd)/,
    hint: 'the kexec image must be a tarball laid out as those of nixos-images: kexec/{run,kexec,ip,bzImage,initrd}',
  },
  {
    says: /kexec\/run: .*(not found|Permission denied|Exec format error|cannot execute)/,
    hint: 'the machine cannot start the image’s kexec/run: use an image for its architecture, laid out as those of nixos-images',
  },
  {
    says: /unexpected end of (file|input)|Unexpected EOF|premature end/i,
    hint: 'the kexec image ends too early: fetch it anew and compare its SHA-256; where the machine’s own download breaks off, fetch the image in a step before this one and give its path as kexec',
  },
  {
    says: /unable to resolve|Could not resolve host|bad address|ENOTFOUND|EAI_AGAIN/,
    hint: 'a name could not be resolved: check the address, and the network of whoever asked; for the kexec image, fetch it in a step before this one and give its path as kexec',
  },
  {
    says: /oom-killer|Out of memory|Failure unpacking initrd|\bKilled$/im,
    hint: 'the machine has too little memory for the installer: use a bigger one, stop services first, or boot an installer from other media',
  },
  {
    says: /kexec_load failed: (Invalid argument|Cannot assign requested address|Address not available)/,
    hint: 'mostly too little free memory: use a bigger machine or stop services first',
  },
  {
    says: /kexec_load failed: (Permission denied|Operation not permitted)|kexec.*Operation not permitted/,
    hint: 'kexec is forbidden there: switch off Secure Boot or kernel lockdown, leave the container, or boot an installer from other media',
  },
  {
    says: /Key was rejected by service/,
    hint: 'the running kernel refuses the image’s signature: use a newer kexec image',
  },
  {
    says: /CPUs are stuck|kexec.*resource busy/i,
    hint: 'this board cannot kexec: boot an installer from other media',
  },
  {
    says: /Could not get memory layout/,
    hint: 'a Xen guest cannot kexec: use the provider’s image or an installer ISO',
  },
  {
    says: /mounted; will not make a filesystem|target is busy/,
    hint: 'something of an earlier run is still mounted: reboot the installer and run again',
  },
  {
    says: /unable to inform the kernel/,
    hint: 'a RAID array or volume group is active on the disk: stop it, or reboot the installer',
  },
  {
    says: /No space left on device|database or disk is full/,
    hint: 'a disk is full: on the target before disko it is the installer’s memory (no-disko-deps: true takes less of it), in nixos-install one of the new partitions (often the EFI partition), else the runner’s disk; free space or use a bigger machine',
  },
  {
    says: /lacks a signature by a trusted key/,
    hint: 'the store’s key is not trusted: add it with option: extra-trusted-public-keys KEY, or sign the path; on the machine, copy as root',
  },
  {
    says: /with features \{[^}]*\bkvm\b[^}]*\} is required/,
    hint: 'the build needs KVM: let Nix’s build users open /dev/kvm on the runner (docs/configuration.md has the step for GitHub’s runners), and keep kvm in the setting system-features',
  },
  {
    says: /a '[^']*' with features .*is required/,
    hint: 'the Nix that builds cannot build for that system: leave build-on at auto, so that the machine itself may build it, or use a runner of the configuration’s architecture or a remote builder',
  },
  {
    says: /ignoring untrusted substituter/,
    hint: 'the user is not a trusted user of the runner’s Nix daemon: set trusted-users where Nix is installed',
  },
  {
    says: /'config' is not a recognised command/,
    hint: 'the Nix on the machine is too old: use a newer installer or kexec image',
  },
  {
    says: /0 successful groups required|Failed to get the data key required to decrypt the SOPS file/,
    hint: 'the host key of the new system is no recipient of its secrets: give it a key that is (secret-files, extra-files or copy-host-keys), or encrypt them again for age-public-keys of this run',
  },
  {
    says: /file 'nixpkgs' was not found in the Nix search path/,
    hint: 'a new NixOS has no channels: set nix.nixPath in its configuration; on the runner set NIX_PATH, or pin nixpkgs with npins beside nix-file',
  },
  {
    says: /Please specify the name of the NixOS configuration to be installed/,
    hint: 'name the configuration behind the flake: flake: URI#NAME',
  },
  {
    says: /mode must be either create, mount or zap_create_mount/,
    hint: 'the disko script takes other arguments: give one that config.system.build.diskoScript has made as store-paths, or a newer disko',
  },
  {
    says: /disko config must be an existing file or flake must be set/,
    hint: 'the configuration has no disko.devices: import disko and the disk layout into it',
  },
  { says: /does not provide attribute/, hint: 'check the configuration name after the # of flake' },
  { says: /No disks defined/, hint: 'import the disk layout into the configuration' },
  {
    says: /nix-daemon: not found|nix-daemon: command not found/,
    hint: 'the machine has no Nix: it does not run a NixOS installer',
  },
  // last, since whatever is known of the reason is better advice
  {
    says: /^(nixos-install|check-installed\.sh) (failed|was killed)/m,
    hint: 'the machine was not rebooted: it still runs the installer, with the new disks at /mnt, and lets root in. Correct the configuration (boot.loader, where the EFI partition is mounted, how big it is) and run again',
  },
  {
    says: /^the evaluation of .* failed/m,
    hint: 'see whether it evaluates elsewhere (nix eval FLAKE#nixosConfigurations.NAME.config.system.build.toplevel, or nix-instantiate FILE -A NAME), and where it fails with show-trace: true',
  },
];

/** Advice for a failure that is known, found by what it says. */
export function hintFor(text: string): string | undefined {
  return knownFailures.find(({ says }) => says.test(text))?.hint;
}
