import type { KnownHost } from '../ssh/known-hosts';
import type { InputReader } from './input-reader';
import * as parse from './parsers';
import { readKey } from './read-key';
import { knownHosts } from './read-known-hosts';
import type { MachineSettings } from './settings';
import type { SshOptions } from './ssh-option-table';
import { sshOptions } from './ssh-options';

type Address = Pick<
  MachineSettings,
  'targetHost' | 'sshPort' | 'sshOptions' | 'knownHosts' | 'jumpPrivateKey'
>;

/** Where the machine is and how one gets there, of which ssh-option may say a part. */
export function readAddress(reader: InputReader): Address {
  const given = reader.optional('ssh-option', sshOptions, {});
  const options = { ...given, value: withoutOverruled(given.value, reader) };
  return {
    sshOptions: options,
    targetHost: readTargetHost(reader, options.value),
    sshPort: readPort(reader, options.value),
    knownHosts: readKnownHosts(reader, options.value),
    jumpPrivateKey: readJumpKey(reader, options.value),
  };
}

/**
 * An input of the step wins over what the flake says of the host, also where that says it in an OpenSSH option: neither
 * the machine that was named nor the keys that it was pinned to are others then.
 */
function withoutOverruled(options: SshOptions, reader: InputReader): SshOptions {
  if (reader.sourceOf('ssh-option') !== 'flake') return options;
  const named = reader.sourceOf('target-host') === 'input';
  const pinned = reader.sourceOf('known-hosts') === 'input';
  const overruled: Readonly<Record<string, boolean>> = {
    hostName: named,
    user: named && namesUser(reader),
    port: reader.sourceOf('ssh-port') === 'input',
    userKnownHostsFile: pinned,
    strictHostKeyChecking: pinned && options.strictHostKeyChecking === 'accept-new',
    // lines for many machines may be an input: which of them it is may the flake say, as it says where it is
    hostKeyAlias: named && pinned,
  } satisfies Partial<Record<keyof SshOptions, boolean>>;
  return Object.fromEntries(Object.entries(options).filter(([name]) => overruled[name] !== true));
}

function namesUser(reader: InputReader): boolean {
  return reader.text('target-host')?.includes('@') === true;
}

function readTargetHost(reader: InputReader, options: SshOptions): MachineSettings['targetHost'] {
  const given = reader.required('target-host', parse.targetHost, { user: '', host: '' });
  const { user, host } = given.value;
  if (namesUser(reader) && options.user !== undefined && options.user !== user)
    reader.problem(
      'ssh-option',
      `has User=${options.user}, but target-host says ${user}; leave out one of them`,
    );
  const address = options.hostName?.replaceAll('%h', host) ?? host;
  return { ...given, value: { user: namesUser(reader) ? user : (options.user ?? user), host: address } };
}

function readPort(reader: InputReader, options: SshOptions): MachineSettings['sshPort'] {
  const given = reader.optional('ssh-port', parse.port, options.port ?? 22);
  if (options.port === undefined || reader.text('ssh-port') === undefined) return given;
  if (options.port !== given.value && !reader.hasProblem('ssh-port'))
    reader.problem(
      'ssh-option',
      `has Port=${options.port}, but ssh-port is ${given.value}; leave out one of them`,
    );
  return given;
}

function readKnownHosts(reader: InputReader, options: SshOptions): MachineSettings['knownHosts'] {
  const given = reader.optional<readonly KnownHost[] | undefined>('known-hosts', knownHosts, undefined);
  const files = options.userKnownHostsFile ?? [];
  return files.length === 0
    ? given
    : { value: [...(given.value ?? []), ...files], source: reader.sourceOf('ssh-option') };
}

function readJumpKey(reader: InputReader, options: SshOptions): MachineSettings['jumpPrivateKey'] {
  const key = readKey(reader, 'jump-ssh-private-key');
  if (key === undefined) return undefined;
  if ((options.proxyJump ?? []).length === 0 && !reader.hasProblem('ssh-option'))
    reader.problem(
      'jump-ssh-private-key',
      'logs in to jump hosts, but ssh-option names none (ProxyJump=user@host)',
    );
  return reader.secrets.register(key.privateKey);
}
