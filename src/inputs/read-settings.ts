import type { SecretRegistry } from '../secrets';
import { type KnownHost, parseKnownHosts } from '../ssh/known-hosts';
import { type PassphraseProblem, readPrivateKey, type UsableKey } from '../ssh/private-key';
import { checkTogether } from './cross-checks';
import { keyFiles } from './disk-encryption-keys';
import { parseFlakeReference } from './flake-reference';
import { InputReader } from './input-reader';
import type { LoadedSecrets } from './load-secrets';
import * as parse from './parsers';
import type { RawInputs } from './raw-inputs';
import { namesSource, parseSecretSource } from './secret-source';
import {
  type BuildSettings,
  type Configuration,
  type DiskEncryptionKey,
  diskoModes,
  type MachineSettings,
  onInstalledChoices,
  type PostInstallSettings,
  planChoices,
  type Setting,
  type Settings,
  selectablePhases,
  verifyChoices,
} from './settings';
import { sshOptions } from './ssh-options';
import { parseStorePaths } from './store-paths';
import type { InputName } from './table';

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
  checkTogether(settings, reader);
  return settings;
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

type KeyInput = 'ssh-private-key' | 'post-install-ssh-private-key';

/** @returns undefined when the input was not given, or has a problem */
function readKey(reader: InputReader, name: KeyInput): UsableKey | undefined {
  const text = readSecret(reader, name)?.toString('utf8');
  const passphrase = readPassphrase(reader, `${name}-passphrase`);
  if (text === undefined) {
    if (passphrase !== undefined && !reader.hasProblem(name))
      reader.problem(`${name}-passphrase`, `is for the key in ${name}, which is not given`);
    return undefined;
  }
  reader.secrets.register(text);
  const reading = readPrivateKey(text, passphrase);
  if ('key' in reading) return reading.key;
  if ('problem' in reading) reader.problem(name, reading.problem);
  else reportPassphrase(reader, name, reading.passphrase);
  return undefined;
}

function reportPassphrase(reader: InputReader, name: KeyInput, problem: PassphraseProblem): void {
  const passphrase = `${name}-passphrase` as const;
  switch (problem) {
    case 'missing':
      // when it could not be read, that is what there is to say
      if (!reader.hasProblem(passphrase))
        reader.problem(name, `is protected by a passphrase; give it in ${passphrase}`);
      return;
    case 'wrong':
      reader.problem(
        passphrase,
        `does not open the key in ${name}: it is misspelt (blanks at its ends count) or that of another key, or the key is damaged`,
      );
      return;
    case 'needless':
      reader.problem(
        passphrase,
        `is given, but the key in ${name} is not protected by a passphrase; leave this input out, or give the key that is protected (\`ssh-keygen -p -f KEY\` protects it)`,
      );
  }
}

/** Without the line end that files and commands have behind it. */
function readPassphrase(reader: InputReader, name: `${KeyInput}-passphrase`): Buffer | undefined {
  const contents = readSecret(reader, name);
  if (contents === undefined) return undefined;
  const line = Buffer.from(contents.toString('latin1').replace(/\r?\n$/, ''), 'latin1');
  // as text, whatever it is: a passphrase with a control character is masked too
  reader.secrets.register(line.toString('utf8'));
  if (!/[\r\n]/.test(line.toString('latin1'))) return line;
  reader.problem(name, 'has more than one line; give the passphrase alone');
  return undefined;
}

/** The secret itself, from the input or from the source that it names. */
function readSecret(reader: InputReader, name: InputName): Buffer | undefined {
  const text = reader.text(name);
  if (text === undefined) return undefined;
  if (!namesSource(text)) return Buffer.from(text);
  const source = parseSecretSource(text);
  if ('ok' in source) return reader.contentsOf(name, source.ok);
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

const knownHosts: parse.Parser<readonly KnownHost[] | undefined> = (text) => {
  const { lines, problems } = parseKnownHosts(text);
  if (problems.length > 0) return { problem: problems.join('; ') };
  return lines.length === 0 ? { problem: 'has no line with a key' } : { ok: lines };
};
