import { knownHostsName, signatureAlgorithms } from '../ssh/host-keys';
import { type KnownHost, pinnedKeys } from '../ssh/known-hosts';
import type { InputReader } from './input-reader';
import { inputOfPhases } from './read-phases';
import { knownHostsPlace, type MachineSettings, type SelectablePhase, selectablePhases } from './settings';
import type { InputName } from './table';

/** What is wrong with inputs that are right each by itself. */
export function checkTogether(settings: MachineSettings, reader: InputReader): void {
  checkPinnedHost(settings, reader);
  checkJumpLogin(settings, reader);
  checkStorePaths(settings, reader);
  checkPinnedAfterwards(settings, reader);
  checkOnInstalled(settings, reader);
  checkForcedKexec(settings, reader);
  checkHardwareConfig(settings, reader);
}

/** It is made in an installer, for what comes after it. */
function checkHardwareConfig({ hardwareConfig, phases }: MachineSettings, reader: InputReader): void {
  if (hardwareConfig.value === undefined || phases.value.some((phase) => phase !== 'reboot')) return;
  reader.problem(
    'generate-hardware-config',
    'is for runs that boot the installer or install; leave it out, or add kexec, disko or install to phases',
  );
}

/** What the test, which runs the configuration in a machine of its own, has no part for. */
const notTested = [
  'disk-encryption-keys',
  'extra-files',
  'secret-files',
  'chown',
  'hooks',
  'generate-hardware-config',
] as const satisfies readonly InputName[];

/**
 * Inputs about a machine are not looked at, but the test must not seem to prove what it leaves out. What the flake says of
 * the host is for its installs: nobody has asked this run for it.
 */
export function checkVmTest(reader: InputReader): void {
  // also where they are wrong: nobody shall first have to mend them
  if (reader.text('store-paths') !== undefined)
    reader.problem(
      'store-paths',
      'cannot be combined with vm-test: the test is built from the configuration; give flake or nix-file',
    );
  for (const input of notTested) {
    if (reader.sourceOf(input) === 'flake')
      reader.notice(input, 'is not part of the test, which installs without it');
    else if (reader.text(input) !== undefined && !reader.hasProblem(input))
      reader.problem(input, 'cannot be combined with vm-test: the test installs without it; leave it out');
  }
}

/** What keeps an installed system decides itself what is to be done. */
function checkOnInstalled({ onInstalled, phases, installId }: MachineSettings, reader: InputReader): void {
  const choice = onInstalled.value;
  const chosenBy = inputOfPhases(reader);
  const leftOut = selectablePhases.filter((phase) => !phases.value.includes(phase));
  if (choice !== 'fail' && choice !== 'reinstall' && leftOut.length > 0)
    reader.problem(
      chosenBy,
      `leaves out ${leftOut.join(', ')}, but on-installed: ${choice} decides itself what is done; leave ${chosenBy} out`,
    );
  if (choice === 'converge' && installId.value === undefined && !reader.hasProblem('install-id'))
    reader.problem(
      'install-id',
      'is required with on-installed: converge; give a name that you change when the machine shall be installed anew',
    );
}

function checkForcedKexec({ kexec, phases }: MachineSettings, reader: InputReader): void {
  if (kexec.force.value && !phases.value.includes('kexec'))
    reader.problem(
      'force-kexec',
      'is for the kexec phase, which is not among phases; add it, or leave force-kexec out',
    );
}

/** What the phases need must be there, and since nobody can tell which disks a script wipes, the user must. */
function checkStorePaths(settings: MachineSettings, reader: InputReader): void {
  const { configuration, phases, onInstalled, wipeDisks } = settings;
  if (configuration.value.kind !== 'store-paths') return;
  const { system, diskoScript, absent } = configuration.value.paths;
  const needs = (phase: SelectablePhase) => phases.value.includes(phase);
  const mayUpdate = onInstalled.value === 'update' || onInstalled.value === 'converge';
  // what is still to be fetched may be what is missing: it is looked at again then
  const isAll = absent.length === 0;
  if (isAll && needs('disko') && diskoScript === undefined)
    reader.problem('store-paths', 'has no disko script; add its path, or leave disko out of phases');
  if (isAll && system === undefined && (needs('install') || needs('reboot') || mayUpdate))
    reader.problem('store-paths', 'has no system; add its path, or leave install and reboot out of phases');
  if (needs('disko') && wipeDisks.value === undefined && !reader.hasProblem('wipe-disks'))
    reader.problem(
      'wipe-disks',
      'is required with store-paths: which disks a disko script wipes cannot be read from it; name the disks that may be wiped, or write any',
    );
}

/** What logs in to the machine need not do so on the way to it. */
function checkJumpLogin({ sshOptions, login, jumpPrivateKey }: MachineSettings, reader: InputReader): void {
  const input = 'jump-ssh-private-key';
  const jumps = (sshOptions.value.proxyJump ?? []).length > 0;
  const hasOwn = login.keyIsGiven || login.agentSocket !== undefined || reader.hasProblem('ssh-private-key');
  if (jumps && !hasOwn && jumpPrivateKey === undefined && !reader.hasProblem(input))
    reader.problem(
      input,
      'is required: the jump hosts of ssh-option (ProxyJump) are logged in to by key, and ssh-password is for the machine alone',
    );
}

/** Lines for other machines only would pin nothing, or refuse everything: say so before connecting. */
function checkPinnedHost(settings: MachineSettings, reader: InputReader): void {
  // without a valid port there is nothing to look up
  if (reader.hasProblem('ssh-port') || reader.hasProblem('ssh-option')) return;
  const { strictHostKeyChecking, hostKeyAlgorithms } = settings.sshOptions.value;
  const { host, port } = knownHostsPlace(settings);
  const lines = settings.knownHosts.value;
  // lines for other machines are what accept-new is for
  if (strictHostKeyChecking !== 'accept-new') {
    const input = reader.text('known-hosts') === undefined ? 'ssh-option' : 'known-hosts';
    checkLinesName(host, port, input, lines, reader);
  }
  const pinned = pinnedKeys(lines ?? [], host, port).accepted.map(({ type }) => type);
  if (hostKeyAlgorithms === undefined || pinned.length === 0) return;
  const signs = (type: string) => [...signatureAlgorithms(type), type];
  if (!pinned.flatMap(signs).some((name) => hostKeyAlgorithms.includes(name)))
    reader.problem(
      'ssh-option',
      `has HostKeyAlgorithms without the kind of key that known-hosts gives for ${knownHostsName(host, port)} (${pinned.join(', ')})`,
    );
}

/** The same for the installed system, where its port does not depend on the configuration. */
function checkPinnedAfterwards(settings: MachineSettings, reader: InputReader): void {
  const { postInstall, postKexecSshHost, postKexecSshPort, targetHost } = settings;
  const givenPort = postKexecSshPort.source === 'default' ? undefined : postKexecSshPort.value;
  const port = postInstall.port.value ?? givenPort;
  const inputs = [
    'post-install-ssh-host',
    'post-install-ssh-port',
    'post-kexec-ssh-host',
    'post-kexec-ssh-port',
  ] as const;
  if (port === undefined || inputs.some((input) => reader.hasProblem(input))) return;
  const host = postInstall.host.value ?? postKexecSshHost.value ?? targetHost.value.host;
  checkLinesName(host, port, 'post-install-known-hosts', postInstall.knownHosts.value, reader);
}

function checkLinesName(
  host: string,
  port: number,
  input: InputName,
  lines: readonly KnownHost[] | undefined,
  reader: InputReader,
): void {
  if (lines === undefined || host === '') return;
  const { accepted } = pinnedKeys(lines, host, port);
  if (accepted.some(({ type }) => signatureAlgorithms(type).length > 0)) return;
  const name = knownHostsName(host, port);
  if (accepted.length > 0) {
    const types = accepted.map(({ type }) => type).join(', ');
    reader.problem(
      input,
      `has only ${types} for ${name}, which is not supported; give the machine’s ed25519, ECDSA or RSA key`,
    );
    return;
  }
  const names = [...new Set(lines.map((line) => line.hosts))].slice(0, 5).join(', ');
  reader.problem(
    input,
    `has no key for ${name}, only for ${names}; a line for this machine begins with ${name}${portMeant(host, input, lines)}`,
  );
}

/** Lines of the machine with a port in them are right, mostly, and what is missing is that port. */
function portMeant(host: string, input: InputName, lines: readonly KnownHost[]): string {
  const start = `[${host}]:`;
  const other = lines.flatMap(({ hosts }) => hosts.split(',')).find((each) => each.startsWith(start));
  if (other === undefined) return '';
  const portInput = input === 'post-install-known-hosts' ? 'post-install-ssh-port' : 'ssh-port';
  return `, unless ${portInput} is to be ${other.slice(start.length)}`;
}
