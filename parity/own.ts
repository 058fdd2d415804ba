import type { OwnInput } from './row';

/** Inputs that are no flag of nixos-anywhere. */
export const own: readonly OwnInput[] = [
  {
    input: 'cache',
    why: 'Runners begin with an empty store: what no substituter has is built once per change, not once per run.',
    test: 'bundle/cache-inputs › cache: false asks the service for nothing and gives it nothing',
  },
  {
    input: 'cache-key',
    why: 'To begin anew, or to keep apart what belongs to others.',
    test: 'bundle/cache-inputs › cache-key: under another one nothing is found, under the same all',
  },
  {
    input: 'cache-signing-key',
    why: 'Whoever can write the repository’s cache must not say what is installed.',
    test: 'bundle/cache-inputs › cache-signing-key: jobs with the same one share, and no others with them',
  },
  {
    input: 'ssh-private-key',
    why: 'A step has its key in a secret, not in a file: the contents, `env:NAME` or `exec:COMMAND`.',
    test: 'bundle/refusals › a key that is not authorised',
  },
  {
    input: 'ssh-private-key-passphrase',
    why: 'Nobody is there to type it.',
    test: 'unit/read-settings › open their keys, each its own',
  },
  {
    input: 'sudo-password',
    why: 'Upstream’s password does not reach sudo; this one does, or that of `ssh-password`.',
    test: 'bundle/login › that sudo does not accept stops the run, after one try',
  },
  {
    input: 'known-hosts',
    why: 'Upstream cannot check host keys; here another key is refused before the login.',
    test: 'bundle/refusals › another host key than known-hosts says',
  },
  {
    input: 'jump-ssh-private-key',
    why: 'Jump hosts mostly belong to somebody else than the machine.',
    test: 'loopback/ssh-options › two hops with a key of their own, pinned all three, and all of them told',
  },
  {
    input: 'jump-ssh-private-key-passphrase',
    why: 'As for ssh-private-key.',
    test: 'unit/route › a key of its own that has a passphrase',
  },
  {
    input: 'expect-machine',
    why: 'Addresses are used again: a machine says who it is before it is wiped.',
    test: 'bundle/refusals › that is another one than was meant',
  },
  {
    input: 'kexec-sha256',
    why: 'Assets of a release are replaced in place, and what they hold runs as root.',
    test: 'bundle/kexec › an image that is another one than was pinned: nothing of it is started or left',
  },
  {
    input: 'post-kexec-ssh-host',
    why: 'The address may change with the kexec.',
    test: 'bundle/route › an earlier run was cut off after its kexec: its installer is found there',
  },
  {
    input: 'post-kexec-ssh-user',
    why: 'An image of one’s own may let in somebody else than root.',
    test: 'bundle/route › another address and another user, through the same jump host',
  },
  {
    input: 'wipe-disks',
    why: 'Names what may be lost; whatever else would be lost stops the run.',
    test: 'unit/plan › a configuration that does not tell its disks may wipe all',
  },
  {
    input: 'netrc',
    why: 'Private caches ask for a password.',
    test: 'loopback/substituters › upstream: no netrc; a cache that asks for a password is used with one, for the store %s',
  },
  {
    input: 'secret-files',
    why: 'Host keys and tokens reach the new system without lying on the runner; their public halves are expected and put out.',
    test: 'bundle/new-system › an install puts files, secrets and owners where they belong, between the hooks',
  },
  {
    input: 'allow-lockout',
    why: 'A configuration that lets nobody in is refused; this says that it is meant so.',
    test: 'bundle/refusals › that lets nobody in: the key of the quickstart was not replaced',
  },
  {
    input: 'verify',
    why: 'Done means that the new system was seen running.',
    test: 'loopback/verify › is not enough for system',
  },
  {
    input: 'post-install-ssh-host',
    why: 'The new system may have another address.',
    test: 'unit/access-afterwards › another address is another place',
  },
  {
    input: 'post-install-ssh-private-key-passphrase',
    why: 'As for `ssh-private-key`.',
    test: 'unit/read-settings › open their keys, each its own',
  },
  {
    input: 'post-install-known-hosts',
    why: 'For host keys that neither are copied nor made by this run.',
    test: 'loopback/verify › is what the new system must show',
  },
  {
    input: 'plan',
    why: 'What would happen, before it does.',
    test: 'bundle/plan › a plan is made twice the same, and changes nothing on the machine',
  },
  {
    input: 'approved-plan',
    why: 'Nothing else than what somebody has looked at is carried out.',
    test: 'bundle/approval › the approved plan goes on; what was approved for another machine, system or action does not',
  },
  {
    input: 'build-only',
    why: 'Checks a configuration without any machine.',
    test: 'bundle/offline › build-only: true builds system and disko script, and contacts nothing',
  },
  {
    input: 'hooks',
    why: 'What is to be done between two phases, which upstream makes a matter of `--phases` and several calls.',
    test: 'bundle/new-system › an install puts files, secrets and owners where they belong, between the hooks',
  },
  {
    input: 'connect-timeout',
    why: 'Every wait has a deadline; upstream waits for ever.',
    test: 'bundle/refusals › a port that accepts and says nothing',
  },
  {
    input: 'kexec-timeout',
    why: 'The same for the way from the kexec to the installer.',
    test: 'bundle/flags › kexec-timeout ends the wait for an installer that does not come',
  },
  {
    input: 'reboot-timeout',
    why: 'The same for the way from the reboot to the new system.',
    test: 'loopback/verify › that never answers: an error with advice',
  },
  {
    input: 'idle-timeout',
    why: 'The same for every step, without output or bytes.',
    test: 'bundle/refusals › that hangs: ended after the idle time, with all its children',
  },
  {
    input: 'disko-idle-timeout',
    why: 'Disko may be silent for longer.',
    test: 'bundle/flags › disko-idle-timeout ends the wait for a disko that says nothing',
  },
  {
    input: 'vm-test-timeout',
    why: 'A virtual machine that hangs is ended, and the log shows what it waited for.',
    test: 'bundle/vm-test › a test that hangs is ended with all that it started, and named with its last lines',
  },
  {
    input: 'list-hosts',
    why: 'A workflow’s matrix comes from the flake; nobody writes a job for each machine.',
    test: 'bundle/fleet › list-hosts: all hosts that the flake describes, without a secret',
  },
  {
    input: 'hosts',
    why: 'Some of many machines.',
    test: 'bundle/fleet › hosts: names, globs and tags, and what they leave out',
  },
  {
    input: 'changed-since',
    why: 'A push is for the machines that it changes.',
    test: 'bundle/fleet › changed-since: of 30 hosts the one that has changed, by two evaluations',
  },
  {
    input: 'fleet-results',
    why: 'What came of many runs, in one place, and the plans to be approved.',
    test: 'bundle/fleet › fleet-results: the hosts with something to do, with the plan that is to be approved',
  },
  {
    input: 'matrix',
    why: 'A run that has left nothing must not be forgotten.',
    test: 'bundle/fleet › matrix: hosts without a result are told, and those with a plan are a job',
  },
];
