import type { TestName } from './row';

/** What a user wants to do, where docs/ says how, and the test that carries it out as it stands there. */
export interface HowTo {
  /** Completes "You want to". */
  readonly wish: string;
  /** Below docs/. */
  readonly page: string;
  readonly heading: string;
  /** Compares what one sees with what the section shows. */
  readonly test: TestName;
}

/** The first steps. */
const beginning: readonly HowTo[] = [
  {
    wish: 'see what would be done, before anything is',
    page: 'getting-started.md',
    heading: 'Plan first',
    test: 'bundle/first-install › a plan of the example, with what README.md has changed in it',
  },
  {
    wish: 'install a first machine, by hand',
    page: 'getting-started.md',
    heading: 'Install',
    test: 'e2e-all/first-install › a first install by the workflows of the examples: planned, installed, and changed by plan and approval',
  },
  {
    wish: 'boot by UEFI, by BIOS, or by both',
    page: 'getting-started.md',
    heading: 'UEFI, BIOS, or both',
    test: 'bundle/first-install › layouts of the example: %s',
  },
  {
    wish: 'log in as the user that a cloud’s image has, such as ubuntu',
    page: 'getting-started.md',
    heading: 'Log in as another user',
    test: 'bundle/first-install › another user, who becomes root by sudo',
  },
  {
    wish: 'see a plan on each pull request, and install what is merged and approved',
    page: 'workflows.md',
    heading: 'Plan on a pull request, install once merged',
    test: 'bundle/example-workflows › plan-and-install: a pull request has no secret and contacts nothing; what is merged is planned, approved and done',
  },
  {
    wish: 'test every machine of a flake in a virtual one, each night',
    page: 'workflows.md',
    heading: 'A VM test each night',
    test: 'bundle/example-workflows › vm-tests-nightly: each host of the fleet is tested',
  },
  {
    wish: 'get a machine’s hardware report as a pull request',
    page: 'workflows.md',
    heading: 'A hardware report by pull request',
    test: 'bundle/example-workflows › hardware-report: one job holds the key, another one opens the pull request, and only if there is news',
  },
  {
    wish: 'install and update many machines from one flake',
    page: 'fleets.md',
    heading: 'Begin',
    test: 'bundle/workflow › hosts get what their flake says; again nothing; then the one that has changed, by what is said of it',
  },
  {
    wish: 'copy a workflow that installs an encrypted root',
    page: 'workflows.md',
    heading: 'An encrypted root',
    test: 'bundle/example-workflows › encrypted-root: the passphrase reaches disko, the host key of the initrd the new system, and neither the log',
  },
];

/** Machines that are not as usual, and the ways to them. */
const machines: readonly HowTo[] = [
  {
    wish: 'install a machine that has no operating system',
    page: 'machines.md',
    heading: 'A machine without an operating system',
    test: 'bundle/how-tos-machines › no operating system: the ISO, by the password that was set at its console',
  },
  {
    wish: 'boot the installer by USB or over the network (netboot), with nobody at a keyboard',
    page: 'machines.md',
    heading: 'The installers of nixos-images',
    test: 'bundle/how-tos-machines › the image installer: root’s password, and phases that take over nothing else',
  },
  {
    wish: 'install a machine with little memory',
    page: 'machines.md',
    heading: 'Little memory',
    test: 'bundle/how-tos-machines › little memory: warned of, without the tools of disko, and refused where there is too little',
  },
  {
    wish: 'install a machine that cannot kexec',
    page: 'machines.md',
    heading: 'Where kexec is not possible',
    test: 'bundle/how-tos-machines › where kexec is not possible: a plan says so, before anything is done',
  },
  {
    wish: 'reach a machine behind a jump host',
    page: 'network.md',
    heading: 'Behind a jump host',
    test: 'bundle/how-tos-network › a jump host with a key of its own, both pinned; and one that lets nobody in or forwards nothing',
  },
  {
    wish: 'install a machine that has IPv6 alone',
    page: 'network.md',
    heading: 'A machine that has IPv6 alone',
    test: 'bundle/how-tos-network › IPv6 alone: through a jump host, and the kexec image is fetched here; without the jump host its own message',
  },
  {
    wish: 'reach a machine through a VPN, which ends with the kexec',
    page: 'network.md',
    heading: 'Through a VPN',
    test: 'bundle/how-tos-network › a VPN that ends with the kexec: the installer is met elsewhere, and where it is not found the log says so',
  },
  {
    wish: 'say where the machine is met when its address or port changes',
    page: 'network.md',
    heading: 'When address or port change',
    test: 'bundle/how-tos-network › another address after the kexec and after the reboot; somebody else who answers there gets nothing',
  },
  {
    wish: 'log in as a user who needs a password for sudo, or has doas',
    page: 'login.md',
    heading: 'As a user who is not root',
    test: 'bundle/how-tos-login › a user who becomes root by sudo’s password, and by doas without one; and two who cannot',
  },
  {
    wish: 'keep the key in an ssh-agent',
    page: 'login.md',
    heading: 'By an ssh-agent',
    test: 'bundle/how-tos-login › an agent that holds the key, and one that does not',
  },
  {
    wish: 'start the installer from a kexec image of your own',
    page: 'installer-image.md',
    heading: 'An image of your own',
    test: 'bundle/how-tos-image › an image of one’s own: built by the page’s flake, sent, and started; others are refused',
  },
  {
    wish: 'use a binary cache that asks for a password',
    page: 'private-caches.md',
    heading: 'A binary cache that asks for a password',
    test: 'bundle/how-tos-caches › a cache with a password, for the runner and for the machine; without it all is built and sent',
  },
  {
    wish: 'fetch an input of the flake from a private repository, by a token',
    page: 'private-caches.md',
    heading: 'A private flake input',
    test: 'bundle/how-tos-caches › an input in a private repository: by a token for this step; without it GitHub says that it is not there',
  },
  {
    wish: 'run it on a runner of your own, which keeps its Nix store',
    page: 'runners.md',
    heading: 'A runner that keeps its Nix store',
    test: 'bundle/how-tos-runners › a store that stays: what the first run has built the second finds; and a service that does not see Nix',
  },
  {
    wish: 'have a runner of your own on NixOS',
    page: 'runners.md',
    heading: 'On NixOS',
    test: 'bundle/how-tos-runners › the programs that the service of NixOS has are enough; others are missed by what calls them',
  },
  {
    wish: 'have a runner of your own on Windows, by WSL2',
    page: 'runners.md',
    heading: 'On Windows, by WSL2',
    test: 'bundle/how-tos-runners › Windows is refused, and Linux, as which a runner in WSL2 counts, is not',
  },
];

/** What is installed, and the secrets that belong to it. */
const systems: readonly HowTo[] = [
  {
    wish: 'have secrets from the repository or an environment',
    page: 'secrets.md',
    heading: 'From secrets of the repository',
    test: 'bundle/how-tos-secrets › secrets of the repository reach the machine, and the log says so',
  },
  {
    wish: 'have a binary key from secrets of the repository',
    page: 'secrets.md',
    heading: 'A key that is not text',
    test: 'bundle/how-tos-secrets › a binary key is decoded by a step before, and arrives byte for byte',
  },
  {
    wish: 'have secrets that age has encrypted',
    page: 'secrets.md',
    heading: 'With age',
    test: 'bundle/how-tos-secrets › age opens a file of the checkout with an identity from a secret',
  },
  {
    wish: 'have secrets that sops has encrypted',
    page: 'secrets.md',
    heading: 'With sops',
    test: 'bundle/how-tos-secrets › sops is called with the file of its identity',
  },
  {
    wish: 'have secrets in a password store',
    page: 'secrets.md',
    heading: 'With pass',
    test: 'bundle/how-tos-secrets › pass opens the password store of the checkout',
  },
  {
    wish: 'have secrets from a vault, and none at GitHub',
    page: 'secrets.md',
    heading: 'From a vault, by OIDC',
    test: 'bundle/how-tos-secrets › a vault gives the secret to a job that has logged in by its identity',
  },
  {
    wish: 'give a machine the host key for which its secrets are encrypted (sops-nix, agenix)',
    page: 'host-identity.md',
    heading: 'With a key that is made beforehand',
    test: 'bundle/how-tos-identity › a key that was made beforehand is the new system’s, and opens what was encrypted for it',
  },
  {
    wish: 'keep a machine’s host keys, and so its secrets',
    page: 'host-identity.md',
    heading: 'With the keys that the machine has',
    test: 'bundle/how-tos-identity › the keys of the system before open what was encrypted for it',
  },
  {
    wish: 'encrypt secrets for host keys that the install has made',
    page: 'host-identity.md',
    heading: 'With keys that the run makes',
    test: 'bundle/how-tos-identity › keys that the run has made: a second step encrypts the secrets for them, and asks to have that merged',
  },
  {
    wish: 'encrypt disks with a passphrase',
    page: 'encryption.md',
    heading: 'With a passphrase',
    test: 'bundle/how-tos-encryption › a passphrase opens the disk when it is typed, whatever ends its file',
  },
  {
    wish: 'encrypt disks with a key file',
    page: 'encryption.md',
    heading: 'With a key file',
    test: 'bundle/how-tos-encryption › a key file counts byte for byte, its newline too, of which there is a warning',
  },
  {
    wish: 'open encrypted disks over SSH after each boot',
    page: 'encryption.md',
    heading: 'Opened over SSH after each boot',
    test: 'loopback/how-tos-unlock › an initrd that waits is named with how to reach it, and good enough',
  },
  {
    wish: 'have ZFS encrypt',
    page: 'encryption.md',
    heading: 'ZFS’ own encryption',
    test: 'bundle/how-tos-encryption › the passphrase of a ZFS dataset is where its configuration looks for it',
  },
  {
    wish: 'put files, secrets and owners onto the new disks',
    page: 'new-system.md',
    heading: 'Files for the new system',
    test: 'bundle/how-tos-files › files, secrets and owners come to their places as the page says',
  },
  {
    wish: 'hand values from the workflow to the modules',
    page: 'configuration.md',
    heading: 'Values from the workflow',
    test: 'bundle/how-tos-configuration › values of the workflow reach the modules',
  },
  {
    wish: 'install a variant of a configuration',
    page: 'configuration.md',
    heading: 'A variant of a configuration',
    test: 'bundle/how-tos-configuration › a variant is named by its attribute in full',
  },
  {
    wish: 'install without a flake: a configuration.nix, with a channel in NIX_PATH',
    page: 'configuration.md',
    heading: 'With a channel',
    test: 'bundle/how-tos-configuration › a module is evaluated with the nixpkgs of NIX_PATH',
  },
  {
    wish: 'install without a flake: a configuration.nix, with npins',
    page: 'configuration.md',
    heading: 'With npins',
    test: 'bundle/how-tos-configuration › a module is evaluated with the nixpkgs that npins has pinned',
  },
  {
    wish: 'install store paths that were built before',
    page: 'configuration.md',
    heading: 'What was built already',
    test: 'bundle/how-tos-configuration › what a step has built is planned by its store paths',
  },
  {
    wish: 'build on the machine itself',
    page: 'configuration.md',
    heading: 'Where it is built',
    test: 'bundle/how-tos-building › a system is built on the machine that is installed',
  },
  {
    wish: 'build for aarch64 on an x86_64 runner',
    page: 'configuration.md',
    heading: 'For another architecture',
    test: 'bundle/how-tos-building › a runner builds for another architecture that its Nix is told of',
  },
  {
    wish: 'have the machine describe its hardware',
    page: 'configuration.md',
    heading: 'Hardware that describes itself',
    test: 'bundle/hardware-config › the first run: the file is made, git knows it, and what is installed contains it',
  },
  {
    wish: 'test a configuration in a virtual machine',
    page: 'configuration.md',
    heading: 'VM tests',
    test: 'bundle/vm-test › a test that passes: its log is shown, the outcome is tested, and it is not run again',
  },
  {
    wish: 'have nix-shell find nixpkgs on the new system (NIX_PATH)',
    page: 'configuration.md',
    heading: 'nix-shell and channels afterwards',
    test: 'bundle/how-tos-configuration › what the configuration says of nixpkgs is found on the new system, and nothing without it',
  },
  {
    wish: 'fetch an input of the flake from a private repository, over SSH',
    page: 'configuration.md',
    heading: 'Private inputs of a flake',
    test: 'bundle/how-tos-building › an input is fetched with a key that an agent has',
  },
];

/** What comes after the install. */
const afterwards: readonly HowTo[] = [
  {
    wish: 'update a machine whenever something is pushed',
    page: 'updating.md',
    heading: 'Update on every push',
    test: 'bundle/how-tos-updates › a push updates the machine, and the next one finds nothing to do',
  },
  {
    wish: 'have one workflow for the first install and for updates',
    page: 'updating.md',
    heading: 'Install and update by one workflow',
    test: 'bundle/how-tos-updates › one workflow updates a machine of its id, and would install one of another',
  },
  {
    wish: 'log in yourself after an install, without a warning of OpenSSH',
    page: 'updating.md',
    heading: 'Logging in yourself: known_hosts',
    test: 'bundle/how-tos-updates › OpenSSH takes the line of host-keys, and asks nothing',
  },
  {
    wish: 'update with nixos-rebuild instead',
    page: 'updating.md',
    heading: 'nixos-rebuild',
    test: 'bundle/how-tos-updates › what is brought in by nix copy and switched to by hand is recognised',
  },
  {
    wish: 'update with deploy-rs or colmena instead',
    page: 'updating.md',
    heading: 'deploy-rs and colmena',
    test: 'bundle/how-tos-updates › the address of deploy-rs or colmena in the flake is enough',
  },
  {
    wish: 'stop between the phases, and put a backup onto the new disk',
    page: 'repairing.md',
    heading: 'Do something by hand in between',
    test: 'bundle/how-tos-repair › what is put onto the new disk by hand is there after the install',
  },
  {
    wish: 'wipe a machine and install it anew, under the same host keys',
    page: 'repairing.md',
    heading: 'Install anew, and keep the host keys',
    test: 'bundle/how-tos-repair › a machine that is installed anew keeps its host keys',
  },
];

/** What helps when a run or a machine did not do what it should. */
const troubles: readonly HowTo[] = [
  {
    wish: 'see all that a run does, and the logs of builds',
    page: 'log.md',
    heading: 'See all of it',
    test: 'bundle/flags › debug shows the settings with their sources, and implies print-build-logs',
  },
  {
    wish: 'go on after a run that failed',
    page: 'repairing.md',
    heading: 'Going on after a run that failed',
    test: 'bundle/how-tos-repair › the same run again completes one that failed after disko',
  },
  {
    wish: 'get back into the old system while that is possible',
    page: 'repairing.md',
    heading: 'Back into the old system',
    test: 'bundle/how-tos-repair › before disko nothing on the disks is another',
  },
  {
    wish: 'go back after an update that failed',
    page: 'updating.md',
    heading: 'When an update fails, and how to go back',
    test: 'bundle/how-tos-updates › a switch that fails says how to go back, and that goes back',
  },
  {
    wish: 'repair a system without wiping its disks',
    page: 'repairing.md',
    heading: 'Repair without wiping',
    test: 'bundle/how-tos-repair › a repair keeps what is on the disks',
  },
];

/** From where one comes. */
const moving: readonly HowTo[] = [
  {
    wish: 'replace a step that runs nixos-anywhere',
    page: 'moving-from-nixos-anywhere.md',
    heading: 'A workflow step',
    test: 'bundle/how-tos-moving › the step in the place of nix run shows its plan, and changes nothing',
  },
  {
    wish: 'take over machines that nixos-anywhere has installed',
    page: 'moving-from-nixos-anywhere.md',
    heading: 'Machines that nixos-anywhere has installed',
    test: 'bundle/how-tos-moving › a machine that nixos-anywhere has installed is taken over by an update, and then converges',
  },
  {
    wish: 'have Terraform start the install of the machine that it makes',
    page: 'moving-from-terraform.md',
    heading: 'Terraform makes the machine and starts the workflow',
    test: 'bundle/how-tos-terraform › Terraform starts the workflow for a machine that is another one, and for no other',
  },
  {
    wish: 'take over machines that the Terraform module has installed',
    page: 'moving-from-terraform.md',
    heading: 'Machines that the module has installed',
    test: 'bundle/how-tos-terraform › a machine that the module has installed gets its id by an update',
  },
];

export const howTos: readonly { readonly title: string; readonly rows: readonly HowTo[] }[] = [
  { title: 'Begin', rows: beginning },
  { title: 'The machine, and the way to it', rows: machines },
  { title: 'The system, and its secrets', rows: systems },
  { title: 'Afterwards', rows: afterwards },
  { title: 'When something went wrong', rows: troubles },
  { title: 'From elsewhere', rows: moving },
];
