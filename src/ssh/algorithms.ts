import { type HostKey, hostKeyAlgorithms, signatureAlgorithms } from './host-keys';

/** What ssh2 knows of one kind of algorithm, best first. */
interface Known {
  /** Those that it offers by itself. */
  readonly offered: readonly string[];
  /** Those that are too weak to be offered to a server that did not ask for them. */
  readonly onRequest: readonly string[];
}

/** By the names of OpenSSH's options. A test compares them with what ssh2 says. */
export const knownAlgorithms = {
  KexAlgorithms: {
    offered: [
      'curve25519-sha256@libssh.org',
      'curve25519-sha256',
      'ecdh-sha2-nistp256',
      'ecdh-sha2-nistp384',
      'ecdh-sha2-nistp521',
      'diffie-hellman-group-exchange-sha256',
      'diffie-hellman-group14-sha256',
      'diffie-hellman-group15-sha512',
      'diffie-hellman-group16-sha512',
      'diffie-hellman-group17-sha512',
      'diffie-hellman-group18-sha512',
    ],
    onRequest: [
      'diffie-hellman-group-exchange-sha1',
      'diffie-hellman-group14-sha1',
      'diffie-hellman-group1-sha1',
    ],
  },
  Ciphers: {
    offered: [
      'aes128-gcm@openssh.com',
      'aes256-gcm@openssh.com',
      'aes128-ctr',
      'aes192-ctr',
      'aes256-ctr',
      'chacha20-poly1305@openssh.com',
    ],
    onRequest: ['aes256-cbc', 'aes192-cbc', 'aes128-cbc', '3des-cbc'],
  },
  MACs: {
    offered: [
      'hmac-sha2-256-etm@openssh.com',
      'hmac-sha2-512-etm@openssh.com',
      'hmac-sha1-etm@openssh.com',
      'hmac-sha2-256',
      'hmac-sha2-512',
      'hmac-sha1',
    ],
    onRequest: ['hmac-md5', 'hmac-sha1-96', 'hmac-md5-96'],
  },
  HostKeyAlgorithms: {
    offered: hostKeyAlgorithms,
    // with SHA-1: for servers from before OpenSSH 7.2
    onRequest: ['ssh-rsa'],
  },
} as const satisfies Record<string, Known>;

export type AlgorithmOption = keyof typeof knownAlgorithms;

/** What is offered to a server, as ssh2 names the kinds; where a list is missing or empty, what it offers by itself. */
export interface OfferedAlgorithms {
  readonly kex?: readonly string[];
  readonly cipher?: readonly string[];
  readonly hmac?: readonly string[];
  readonly serverHostKey?: readonly string[];
  readonly compress?: readonly string[];
}

/**
 * A list as ssh_config(5) has it: with `+` added to those offered anyway, with `-` taken away from them (`*` and `?` fit
 * any), with `^` put first.
 *
 * @returns the list, or what is wrong with it
 */
export function readAlgorithms(option: AlgorithmOption, text: string): readonly string[] | string {
  const { offered, onRequest }: Known = knownAlgorithms[option];
  const prefix = /^[+^-]/.exec(text)?.[0] ?? '';
  const names = text.slice(prefix.length).split(',');
  if (names.some((name) => name.trim() === '')) return 'is no list of names, separated by commas';
  if (prefix === '-') {
    const patterns = names.map(patternOf);
    const left = offered.filter((name) => !patterns.some((pattern) => pattern.test(name)));
    return left.length === 0 ? 'leaves none to offer' : left;
  }
  const known = [...offered, ...onRequest];
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0)
    return `has ${unknown.join(', ')}, which ${unknown.length === 1 ? 'is' : 'are'} not supported here; supported are ${known.join(', ')}`;
  if (prefix === '+') return [...new Set([...offered, ...names])];
  return [...new Set(prefix === '^' ? [...names, ...offered] : names)];
}

function patternOf(text: string): RegExp {
  const escaped = text.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`);
}

/**
 * Signature algorithms to offer so that a server with several keys shows one that is accepted: those that fit one of
 * these keys, or any where none is known yet, among those that the user chose.
 */
export function offeredHostKeys(
  accepted: readonly HostKey[],
  chosen: readonly string[] | undefined,
): readonly string[] {
  const fitting = [...new Set(accepted.flatMap(({ type }) => signatureAlgorithms(type)))];
  if (chosen === undefined || chosen.length === 0) return fitting;
  if (accepted.length === 0) return chosen;
  // SHA-1 is for who asks for it
  const allowed = accepted.some(({ type }) => type === 'ssh-rsa') ? [...fitting, 'ssh-rsa'] : fitting;
  const both = chosen.filter((name) => allowed.includes(name));
  // the list is for the system that was there first: a key that this run itself has made is good, whatever its type
  return both.length > 0 ? both : fitting;
}
