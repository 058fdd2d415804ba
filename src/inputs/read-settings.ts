import { InputError, type InputProblem } from '../errors';
import type { SecretRegistry } from '../secrets';
import { knownHostsName, signatureAlgorithms } from '../ssh/host-keys';
import { type KnownHost, parseKnownHosts, pinnedKeys } from '../ssh/known-hosts';
import { readPrivateKey, type UsableKey } from '../ssh/private-key';
import { keyFiles } from './disk-encryption-keys';
import { parseFlakeReference } from './flake-reference';
import type { LoadedSecrets } from './load-secrets';
import * as parse from './parsers';
import { keyOf, namesSource, parseSecretSource, type SecretSource } from './secret-source';
import {
  type BuildSettings,
  type Configuration,
  type DiskEncryptionKey,
  diskoModes,
  type MachineSettings,
  onInstalledChoices,
  type PostInstallSettings,
  planChoices,
  type SelectablePhase,
  type Setting,
  type Settings,
  selectablePhases,
  verifyChoices,
} from './settings';
import { sshOptions } from './ssh-options';
import { parseStorePaths } from './store-paths';
import { type InputName, inputs } from './table';

/** Values by input name; an empty or missing one was not given. */
export type RawInputs = Readonly<Record<string, string | undefined>>;

/**
 * Strings in, Settings out. Registers the secrets among them before anything can be printed.
 *
 * @param loaded what loadSecrets gave for the same inputs
 * @throws InputError with all problems at once
 */
export function readSettings(
  raw: RawInputs,
  secrets: SecretRegistry,
  loaded: LoadedSecrets = new Map(),
): Settings {
  const reader = new InputReader(raw, loaded, secrets);
  reader.rejectUnknownNames();
  const plan = reader.optional('plan', parse.choice(planChoices), 'false').value;
  const buildOnly = reader.optional('build-only', parse.boolean, false).value;
  if (buildOnly && plan !== 'false') reader.problem('build-only', 'cannot be combined with plan');
  const build = readBuildSettings(reader);
  const onMachine = plan === 'true' ? 'plan' : 'install';
  const settings: Settings = buildOnly
    ? { kind: 'build-only', ...build }
    : plan === 'offline'
      ? { kind: 'offline-plan', ...build }
      : { kind: onMachine, ...readMachineSettings(reader, onMachine, build) };
  reader.throwIfProblems();
  return settings;
}

function readBuildSettings(reader: InputReader): BuildSettings {
  return {
    configuration: readConfiguration(reader),
    phases: reader.optional('phases', parse.subset(selectablePhases), selectablePhases),
    diskoMode: reader.optional('disko-mode', parse.choice(diskoModes), 'disko'),
    installId: reader.optional('install-id', parse.installId, undefined),
    nixOptions: reader.optional('option', parse.nixOptions, []),
    printBuildLogs: reader.optional('print-build-logs', parse.boolean, false),
    debug: reader.optional('debug', parse.boolean, false),
    deadlines: {
      connect: reader.optional('connect-timeout', parse.duration, 120_000),
      kexec: reader.optional('kexec-timeout', parse.duration, 600_000),
      reboot: reader.optional('reboot-timeout', parse.duration, 900_000),
      idle: reader.optional('idle-timeout', parse.duration, 600_000),
      diskoIdle: reader.optional('disko-idle-timeout', parse.duration, 1_800_000),
    },
  };
}

function readConfiguration(reader: InputReader): Setting<Configuration> {
  const none: Configuration = { kind: 'flake', flake: { uri: '', name: '', path: [] } };
  const given = reader.text('store-paths') !== undefined;
  if (given && reader.text('flake') !== undefined)
    reader.problem('store-paths', 'cannot be combined with flake; give one of them');
  if (!given && reader.text('flake') === undefined) reader.problem('flake', 'is required, or store-paths');
  if (given && reader.text('disko-mode') !== undefined)
    reader.problem(
      'disko-mode',
      'cannot be combined with store-paths: what the disko script does was decided when it was built',
    );
  const flake = reader.optional('flake', flakeReference, none);
  return given ? reader.optional('store-paths', storePaths, none) : flake;
}

function readMachineSettings(
  reader: InputReader,
  kind: 'plan' | 'install',
  build: BuildSettings,
): MachineSettings {
  const key = readKey(reader, 'ssh-private-key');
  if (reader.text('ssh-private-key') === undefined)
    reader.problem(
      'ssh-private-key',
      `is required; give the contents of the private key, from a secret${kind === 'plan' ? ' (a pull request from a fork has none: plan: offline needs neither a key nor a machine)' : ''}`,
    );
  const settings: MachineSettings = {
    ...build,
    targetHost: reader.required('target-host', parse.targetHost, { user: '', host: '' }),
    sshPort: reader.optional('ssh-port', parse.port, 22),
    postKexecSshPort: reader.optional('post-kexec-ssh-port', parse.port, 22),
    privateKey: reader.secrets.register(key?.privateKey ?? ''),
    publicKey: key?.publicKey ?? { type: '', base64: '' },
    knownHosts: reader.optional('known-hosts', knownHosts, undefined),
    sshOptions: reader.optional('ssh-option', sshOptions, {}),
    diskEncryptionKeys: readDiskKeys(reader, build),
    kexec: reader.optional('kexec', parse.kexecImage, { kind: 'default' }),
    onInstalled: reader.optional('on-installed', parse.choice(onInstalledChoices), 'fail'),
    wipeDisks: reader.optional('wipe-disks', parse.wipeDisks, undefined),
    expectMachine: reader.optional('expect-machine', parse.machineId, undefined),
    allowLockout: reader.optional('allow-lockout', parse.boolean, false),
    copyHostKeys: reader.optional('copy-host-keys', parse.boolean, false),
    verify: reader.optional('verify', parse.choice(verifyChoices), 'auto'),
    postInstall: readPostInstall(reader),
    approvedPlan: reader.optional('approved-plan', parse.planDigest, undefined),
  };
  checkPinnedHost(settings, reader);
  checkStorePaths(settings, reader);
  checkPinnedAfterwards(settings, reader);
  checkOnInstalled(settings, reader);
  return settings;
}

/** What keeps an installed system decides itself what is to be done. */
function checkOnInstalled({ onInstalled, phases, installId }: MachineSettings, reader: InputReader): void {
  const choice = onInstalled.value;
  const leftOut = selectablePhases.filter((phase) => !phases.value.includes(phase));
  if (choice !== 'fail' && choice !== 'reinstall' && leftOut.length > 0)
    reader.problem(
      'phases',
      `leaves out ${leftOut.join(', ')}, but on-installed: ${choice} decides itself what is done; leave phases away`,
    );
  if (choice === 'converge' && installId.value === undefined)
    reader.problem(
      'install-id',
      'is required with on-installed: converge; give a name that you change when the machine shall be installed anew',
    );
}

function readPostInstall(reader: InputReader): PostInstallSettings {
  const key = readKey(reader, 'post-install-ssh-private-key');
  return {
    host: reader.optional<string | undefined>('post-install-ssh-host', parse.hostName, undefined),
    port: reader.optional<number | undefined>('post-install-ssh-port', parse.port, undefined),
    user: reader.optional<string | undefined>('post-install-ssh-user', parse.userName, undefined),
    privateKey: key === undefined ? undefined : reader.secrets.register(key.privateKey),
    publicKey: key?.publicKey,
    knownHosts: reader.optional('post-install-known-hosts', knownHosts, undefined),
  };
}

class InputReader {
  readonly secrets: SecretRegistry;
  readonly #raw: RawInputs;
  readonly #loaded: LoadedSecrets;
  readonly #problems: InputProblem[] = [];

  constructor(raw: RawInputs, loaded: LoadedSecrets, secrets: SecretRegistry) {
    this.#raw = raw;
    this.#loaded = loaded;
    this.secrets = secrets;
  }

  text(name: InputName): string | undefined {
    const value = this.#raw[name];
    return value === undefined || value.trim() === '' ? undefined : value;
  }

  /** What the source holds. @returns undefined when it could not be read, which is a problem of the input then */
  contentsOf(input: InputName, source: SecretSource, where = ''): Buffer | undefined {
    const contents = this.#loaded.get(keyOf(source));
    if (contents === undefined) throw new Error(`a source of ${input} was not loaded`);
    if ('ok' in contents) return contents.ok;
    this.problem(input, `${where}${contents.problem}`);
    return undefined;
  }

  problem(input: string, problem: string): void {
    this.#problems.push({ input, problem });
  }

  hasProblem(input: InputName): boolean {
    return this.#problems.some((problem) => problem.input === input);
  }

  optional<T>(name: InputName, parser: parse.Parser<T>, otherwise: T): Setting<T> {
    const text = this.text(name);
    if (text === undefined) return { value: otherwise, source: 'default' };
    const parsed = text.includes('\0') ? { problem: 'contains a NUL character' } : parser(text);
    if ('ok' in parsed) return { value: parsed.ok, source: 'input' };
    this.problem(name, parsed.problem);
    return { value: otherwise, source: 'default' };
  }

  /** @param placeholder stands in for a missing value until the problems are thrown */
  required<T>(name: InputName, parser: parse.Parser<T>, placeholder: T): Setting<T> {
    if (this.text(name) === undefined) this.problem(name, 'is required');
    return this.optional(name, parser, placeholder);
  }

  /** A misspelt name would silently leave its default in force, and the default may wipe a disk. */
  rejectUnknownNames(): void {
    const known: readonly string[] = inputs.map((input) => input.name);
    for (const name of Object.keys(this.#raw)) {
      if (known.includes(name)) continue;
      const similar = known.find(
        (each) =>
          each.replaceAll('-', '') === name.replaceAll(/[-_ ]/g, '') ||
          each.startsWith(name) ||
          name.startsWith(each),
      );
      this.problem(
        name,
        `is not an input of this action${similar === undefined ? '' : `; did you mean ${similar}?`}`,
      );
    }
  }

  throwIfProblems(): void {
    if (this.#problems.length > 0) throw new InputError(this.#problems);
  }
}

/** @returns undefined when the input was not given, or has a problem */
function readKey(reader: InputReader, name: InputName): UsableKey | undefined {
  const text = readKeyText(reader, name);
  if (text === undefined) return undefined;
  reader.secrets.register(text);
  const key = readPrivateKey(text);
  if (typeof key !== 'string') return key;
  reader.problem(name, key);
  return undefined;
}

/** The key itself, from the input or from the source that it names. */
function readKeyText(reader: InputReader, name: InputName): string | undefined {
  const text = reader.text(name);
  if (text === undefined || !namesSource(text)) return text;
  const source = parseSecretSource(text);
  if ('ok' in source) return reader.contentsOf(name, source.ok)?.toString('utf8');
  reader.problem(name, source.problem);
  return undefined;
}

function readDiskKeys(reader: InputReader, { phases }: BuildSettings): Setting<readonly DiskEncryptionKey[]> {
  const input = 'disk-encryption-keys';
  const files = reader.optional(input, keyFiles, []);
  if (files.value.length > 0 && !phases.value.includes('disko'))
    reader.problem(input, 'is for the disko phase, which is not among phases; leave it out');
  const keys = files.value.flatMap(({ remotePath, source }) => {
    const contents = reader.contentsOf(input, source, `${remotePath}: `);
    return contents === undefined ? [] : [{ remotePath, contents: reader.secrets.register(contents) }];
  });
  return { value: keys, source: files.source };
}

const flakeReference: parse.Parser<Configuration> = (text) => {
  const flake = parseFlakeReference(text);
  return typeof flake === 'string' ? { problem: flake } : { ok: { kind: 'flake', flake } };
};

const storePaths: parse.Parser<Configuration> = (text) => {
  const paths = parseStorePaths(text);
  return typeof paths === 'string' ? { problem: paths } : { ok: { kind: 'store-paths', paths } };
};

/** What the phases need must be there, and since nobody can tell which disks a script wipes, the user must. */
function checkStorePaths(settings: MachineSettings, reader: InputReader): void {
  const { configuration, phases, onInstalled, wipeDisks } = settings;
  if (configuration.value.kind !== 'store-paths') return;
  const { system, diskoScript } = configuration.value.paths;
  const needs = (phase: SelectablePhase) => phases.value.includes(phase);
  const mayUpdate = onInstalled.value === 'update' || onInstalled.value === 'converge';
  if (needs('disko') && diskoScript === undefined)
    reader.problem('store-paths', 'has no disko script; add its path, or leave disko out of phases');
  if (system === undefined && (needs('install') || needs('reboot') || mayUpdate))
    reader.problem('store-paths', 'has no system; add its path, or leave install and reboot out of phases');
  if (needs('disko') && wipeDisks.value === undefined && !reader.hasProblem('wipe-disks'))
    reader.problem(
      'wipe-disks',
      'is required with store-paths: which disks a disko script wipes cannot be read from it; name the disks that may be wiped, or write any',
    );
}

const knownHosts: parse.Parser<readonly KnownHost[] | undefined> = (text) => {
  const { lines, problems } = parseKnownHosts(text);
  if (problems.length > 0) return { problem: problems.join('; ') };
  return lines.length === 0 ? { problem: 'has no line with a key' } : { ok: lines };
};

/** Lines for other machines only would pin nothing, or refuse everything: say so before connecting. */
function checkPinnedHost(settings: MachineSettings, reader: InputReader): void {
  // without a valid port there is nothing to look up
  if (reader.hasProblem('ssh-port')) return;
  // lines for other machines are what accept-new is for
  if (settings.sshOptions.value.strictHostKeyChecking === 'accept-new') return;
  const { host } = settings.targetHost.value;
  checkLinesName(host, settings.sshPort.value, 'known-hosts', settings.knownHosts.value, reader);
}

/** The same for the installed system, where its port does not depend on the configuration. */
function checkPinnedAfterwards(settings: MachineSettings, reader: InputReader): void {
  const { postInstall, postKexecSshPort, targetHost } = settings;
  const givenPort = postKexecSshPort.source === 'default' ? undefined : postKexecSshPort.value;
  const port = postInstall.port.value ?? givenPort;
  const inputs = ['post-install-ssh-host', 'post-install-ssh-port', 'post-kexec-ssh-port'] as const;
  if (port === undefined || inputs.some((input) => reader.hasProblem(input))) return;
  const host = postInstall.host.value ?? targetHost.value.host;
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
    `has no key for ${name}, only for ${names}; a line for this machine begins with ${name}`,
  );
}
