import { existsSync, readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { homedir } from 'node:os';
import { type AlgorithmOption, readAlgorithms } from '../ssh/algorithms';
import { type KnownHost, parseKnownHosts } from '../ssh/known-hosts';
import { type JumpAddress, jumpHosts } from './jump-hosts';
import * as parse from './parsers';

/** What OpenSSH's options of these names mean to the action. */
export interface SshOptions {
  /** With `%h` for what target-host says. */
  readonly hostName?: string;
  readonly user?: string;
  readonly port?: number;
  readonly proxyJump?: readonly JumpAddress[];
  /** Undefined: the first key seen is accepted, but not by a run that sends secrets. */
  readonly strictHostKeyChecking?: 'yes' | 'accept-new';
  readonly userKnownHostsFile?: readonly KnownHost[];
  readonly hostKeyAlias?: string;
  readonly hostKeyAlgorithms?: readonly string[];
  readonly kexAlgorithms?: readonly string[];
  readonly ciphers?: readonly string[];
  readonly macs?: readonly string[];
  readonly compression?: boolean;
  /** Milliseconds. */
  readonly connectTimeout?: number;
  /** Milliseconds. */
  readonly serverAliveInterval?: number;
  readonly serverAliveCountMax?: number;
  /** 0: any. */
  readonly addressFamily?: 0 | 4 | 6;
  readonly bindAddress?: string;
}

interface Option<T> {
  /** As ssh_config(5) writes it. */
  readonly name: string;
  readonly does: string;
  readonly read: parse.Parser<T>;
}

type Options = { readonly [Key in keyof SshOptions]-?: Option<NonNullable<SshOptions[Key]>> };

export const supportedOptions: Options = {
  hostName: {
    name: 'HostName',
    does: 'The address to connect to, where target-host is only a name; `%h` stands for that.',
    read: (text) => {
      const host = parse.hostName(text.replaceAll('%h', 'h'));
      return 'ok' in host && text.includes('%h') ? { ok: text } : host;
    },
  },
  user: { name: 'User', does: 'Who logs in, where target-host names nobody.', read: parse.userName },
  port: { name: 'Port', does: 'The same as the input ssh-port.', read: parse.port },
  proxyJump: {
    name: 'ProxyJump',
    does: 'Jump hosts, `[user@]host[:port]` or `ssh://[user@]host[:port]`, separated by commas, the first one first; `none` is none.',
    read: jumpHosts,
  },
  strictHostKeyChecking: {
    name: 'StrictHostKeyChecking',
    does: '`yes`: only a host that known-hosts pins. `accept-new`: the first key of another is trusted, also when secrets are sent.',
    read: strictHostKeyChecking,
  },
  userKnownHostsFile: {
    name: 'UserKnownHostsFile',
    does: 'Files on the runner whose lines count as those of known-hosts do. `/dev/null` and `none` are none.',
    read: knownHostsFiles,
  },
  hostKeyAlias: {
    name: 'HostKeyAlias',
    does: 'The name under which known-hosts has the machine, instead of its address and port.',
    read: (text) =>
      /^[^\s,*?!|@#[\]]+$/.test(text)
        ? { ok: text }
        : { problem: 'is no name; write it without blanks and wildcards' },
  },
  hostKeyAlgorithms: {
    name: 'HostKeyAlgorithms',
    does: 'Which kinds of host key the machine may show. Of those, the kinds that known-hosts pins are asked for.',
    read: algorithms('HostKeyAlgorithms'),
  },
  kexAlgorithms: {
    name: 'KexAlgorithms',
    does: 'Key exchange with the machine.',
    read: algorithms('KexAlgorithms'),
  },
  ciphers: {
    name: 'Ciphers',
    does: 'Encryption of the connection to the machine.',
    read: algorithms('Ciphers'),
  },
  macs: { name: 'MACs', does: 'Integrity of the connection to the machine.', read: algorithms('MACs') },
  compression: {
    name: 'Compression',
    does: '`yes` compresses what goes to and from the machine: for slow lines, it costs more time on others.',
    read: parse.boolean,
  },
  connectTimeout: {
    name: 'ConnectTimeout',
    does: 'How long one attempt waits for an answer, and then for its first byte (8 s if not given). The input connect-timeout is for all attempts together.',
    read: parse.duration,
  },
  serverAliveInterval: {
    name: 'ServerAliveInterval',
    does: 'After so many seconds of silence a sign of life is asked for (5 if not given).',
    read: (text) =>
      /^0+[smh]?$/.test(text)
        ? {
            problem: 'is 0, but a connection whose bytes vanish would never be noticed then; write 1 or more',
          }
        : parse.duration(text),
  },
  serverAliveCountMax: {
    name: 'ServerAliveCountMax',
    does: 'So many signs of life may fail to come until the connection is given up (4 if not given).',
    read: (text) =>
      /^[1-9]\d{0,3}$/.test(text) ? { ok: Number(text) } : { problem: 'is no number from 1 to 9999' },
  },
  addressFamily: {
    name: 'AddressFamily',
    does: '`inet` (IPv4 only), `inet6` (IPv6 only) or `any`, for connections from the runner.',
    read: (text) => {
      const family = parse.choice(['any', 'inet', 'inet6'])(text.toLowerCase());
      return 'ok' in family ? { ok: family.ok === 'any' ? 0 : family.ok === 'inet' ? 4 : 6 } : family;
    },
  },
  bindAddress: {
    name: 'BindAddress',
    does: 'The address of the runner from which connections are made.',
    read: (text) => (isIP(text) ? { ok: text } : { problem: 'is no address; write one of the runner’s' }),
  },
};

function algorithms(option: AlgorithmOption): parse.Parser<readonly string[]> {
  return (text) => {
    const list = readAlgorithms(option, text);
    return typeof list === 'string' ? { problem: list } : { ok: list };
  };
}

function strictHostKeyChecking(value: string): parse.Parsed<'yes' | 'accept-new'> {
  switch (value.toLowerCase()) {
    case 'yes':
    case 'true':
      return { ok: 'yes' };
    case 'accept-new':
      return { ok: 'accept-new' };
    case 'no':
    case 'off':
    case 'false':
      return {
        problem: `is ${value}, which is refused: anybody in between could take the place of a machine whose key is known; write accept-new to trust the first key of a machine that is not known yet`,
      };
    case 'ask':
      return { problem: 'is ask, but there is nobody to ask; write yes or accept-new' };
    default:
      return { problem: 'has an unknown value; write yes or accept-new' };
  }
}

/** What nixos-anywhere has built in, to keep nothing: so it is what people write. */
const noFile = ['/dev/null', 'none'];

/** Lines that OpenSSH would not understand either are passed over, as it does: the files are not made for us. */
function knownHostsFiles(text: string): parse.Parsed<readonly KnownHost[]> {
  const lines: KnownHost[] = [];
  for (const word of text.split(/\s+/)) {
    if (noFile.includes(word)) continue;
    const path = word.replace(/^~(?=\/)/, homedir());
    if (!existsSync(path) || !statSync(path).isFile())
      return { problem: `names ${JSON.stringify(word)}, which is no file on the runner` };
    try {
      lines.push(...parseKnownHosts(readFileSync(path, 'utf8')).lines);
    } catch (error) {
      const { code = 'unknown reason' } = error as NodeJS.ErrnoException;
      return { problem: `names ${JSON.stringify(word)}, which cannot be read (${code})` };
    }
  }
  return { ok: lines };
}

/** OpenSSH's other options, by what to do instead. */
export const otherOptions: readonly { readonly instead: string; readonly names: readonly string[] }[] = [
  {
    instead: 'give the key as ssh-private-key, no other one is offered',
    names: ['IdentityFile', 'IdentitiesOnly', 'IdentityAgent', 'AddKeysToAgent', 'CertificateFile'],
  },
  {
    instead: 'leave it out, how one logs in follows from the inputs that hold its secrets',
    names: [
      'PreferredAuthentications',
      'PubkeyAuthentication',
      'PasswordAuthentication',
      'KbdInteractiveAuthentication',
      'KbdInteractiveDevices',
      'ChallengeResponseAuthentication',
      'NumberOfPasswordPrompts',
      'BatchMode',
    ],
  },
  {
    instead: 'leave it out, a key signs as the server asks for',
    names: ['PubkeyAcceptedAlgorithms', 'PubkeyAcceptedKeyTypes'],
  },
  { instead: 'use ProxyJump', names: ['ProxyCommand', 'ProxyUseFdpass'] },
  { instead: 'use the input connect-timeout', names: ['ConnectionAttempts'] },
  { instead: 'use ServerAliveInterval', names: ['TCPKeepAlive', 'ChannelTimeout'] },
  { instead: 'use BindAddress', names: ['BindInterface'] },
  { instead: 'use the input debug', names: ['LogLevel', 'LogVerbose', 'SyslogFacility'] },
  {
    instead: 'use known-hosts or UserKnownHostsFile',
    names: [
      'GlobalKnownHostsFile',
      'KnownHostsCommand',
      'RevokedHostKeys',
      'VerifyHostKeyDNS',
      'CheckHostIP',
      'UpdateHostKeys',
      'HashKnownHosts',
      'NoHostAuthenticationForLocalhost',
    ],
  },
  {
    instead: 'give the full name as target-host or HostName',
    names: [
      'CanonicalizeHostname',
      'CanonicalDomains',
      'CanonicalizeFallbackLocal',
      'CanonicalizeMaxDots',
      'CanonicalizePermittedCNAMEs',
    ],
  },
  { instead: 'leave it out, there is only one machine here', names: ['Host', 'Match', 'Include', 'Tag'] },
  {
    instead: 'leave it out, one connection carries everything anyway',
    names: ['ControlMaster', 'ControlPath', 'ControlPersist'],
  },
  {
    instead: 'leave it out, it has no meaning here',
    names: [
      'CASignatureAlgorithms',
      'ClearAllForwardings',
      'DynamicForward',
      'EnableEscapeCommandline',
      'EnableSSHKeysign',
      'EscapeChar',
      'ExitOnForwardFailure',
      'FingerprintHash',
      'ForkAfterAuthentication',
      'ForwardAgent',
      'ForwardX11',
      'ForwardX11Timeout',
      'ForwardX11Trusted',
      'GatewayPorts',
      'GSSAPIAuthentication',
      'GSSAPIClientIdentity',
      'GSSAPIDelegateCredentials',
      'GSSAPIKexAlgorithms',
      'GSSAPIKeyExchange',
      'GSSAPIRenewalForcesRekey',
      'GSSAPIServerIdentity',
      'GSSAPITrustDns',
      'HostbasedAcceptedAlgorithms',
      'HostbasedAuthentication',
      'IgnoreUnknown',
      'IPQoS',
      'LocalCommand',
      'LocalForward',
      'ObscureKeystrokeTiming',
      'PermitLocalCommand',
      'PermitRemoteOpen',
      'PKCS11Provider',
      'RefuseConnection',
      'RekeyLimit',
      'RemoteCommand',
      'RemoteForward',
      'RequestTTY',
      'RequiredRSASize',
      'SecurityKeyProvider',
      'SendEnv',
      'SessionType',
      'SetEnv',
      'StdinNull',
      'StreamLocalBindMask',
      'StreamLocalBindUnlink',
      'Tunnel',
      'TunnelDevice',
      'VersionAddendum',
      'VisualHostKey',
      'WarnWeakCrypto',
      'XAuthLocation',
    ],
  },
];
