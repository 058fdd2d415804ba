import { lookup } from 'node:dns';
import { connect, isIP, isIPv6, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { ConnectionError } from '../errors';
import { type Endpoint, nameOf } from './connection';

/** How a server is spoken to, be it the machine or a jump host. */
export interface LinkOptions {
  /**
   * How long a server may take until it answers, and again until its first byte, in milliseconds. Forwarded ports
   * accept connections while nobody is behind them, and then say nothing.
   */
  readonly answerMs: number;
  /** After so many milliseconds of silence a sign of life is asked for … */
  readonly keepaliveMs: number;
  /** … and after so many that did not come the connection is given up. */
  readonly keepaliveCount: number;
  /** The only kind of address to use; 0 is any. */
  readonly family: 0 | 4 | 6;
  /** The address of the runner to connect from. */
  readonly bindAddress: string | undefined;
}

/** Together about 25 s until a connection whose bytes vanish is given up. */
export const defaultLink: LinkOptions = {
  answerMs: 8000,
  keepaliveMs: 5000,
  keepaliveCount: 4,
  family: 0,
  bindAddress: undefined,
};

/**
 * A TCP connection from the runner. Of a name's addresses the first that answers is taken.
 *
 * @throws ConnectionError, or the reason of the signal
 */
export async function openTcp(endpoint: Endpoint, link: LinkOptions, signal: AbortSignal): Promise<Socket> {
  signal.throwIfAborted();
  const kind = isIP(endpoint.host.split('%')[0] ?? '');
  if (kind !== 0 && link.family !== 0 && kind !== link.family)
    throw new ConnectionError('no-route', `${nameOf(endpoint)} is not IPv${link.family}`, {
      hint: 'check AddressFamily in ssh-option',
    });
  const socket = connect({
    host: endpoint.host,
    port: endpoint.port,
    family: link.family || isIP(link.bindAddress ?? ''),
    // node would pass over addresses of a kind that the runner has none of, and such a name would seem not to exist
    lookup: (host, options, found) => lookup(host, { ...options, hints: 0 }, found),
    autoSelectFamily: true,
    // node waits for 250 ms at each address and then gives it up for good, which is too short for far machines
    autoSelectFamilyAttemptTimeout: Math.ceil(link.answerMs / 3),
    ...(link.bindAddress === undefined ? {} : { localAddress: link.bindAddress }),
  });
  // ssh2 writes a packet in three pieces; Nagle's algorithm would hold the second until the first is acknowledged
  socket.setNoDelay(true);
  const onAbort = () => socket.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await ready(socket, endpoint, link);
    return socket;
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function ready(socket: Socket, endpoint: Endpoint, link: LinkOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const seconds = link.answerMs / 1000;
    socket.once('connect', () => {
      socket.setTimeout(0);
      socket.removeAllListeners('timeout');
      resolve();
    });
    socket.once('error', (error) => reject(explainSocketError(error, endpoint, link)));
    socket.once('close', () =>
      reject(new ConnectionError('unreachable', `${nameOf(endpoint)}: the connection was closed`)),
    );
    socket.setTimeout(link.answerMs, () => {
      socket.destroy(
        new ConnectionError(
          'unreachable',
          `${nameOf(endpoint)} does not answer (no TCP connection within ${seconds} s)`,
        ),
      );
    });
  });
}

interface SocketError extends Error {
  readonly code?: string;
  readonly syscall?: string;
  readonly address?: string;
}

/** Where a name has several addresses there is an error for each. */
function eachOf(error: Error): readonly SocketError[] {
  return error instanceof AggregateError ? (error.errors as SocketError[]) : [error];
}

/** @param hasIpv6 whether the runner has an IPv6 address that leads anywhere */
export function explainSocketError(
  error: Error,
  endpoint: Endpoint,
  link: LinkOptions,
  hasIpv6: () => boolean = runnerHasIpv6,
): ConnectionError {
  if (error instanceof ConnectionError) return error;
  const name = nameOf(endpoint);
  const errors = eachOf(error);
  const codes = errors.map(({ code }) => code);
  const make = (reason: ConstructorParameters<typeof ConnectionError>[0], message: string, hint: string) =>
    new ConnectionError(reason, message, { cause: error, hint });
  if (codes.includes('ECONNREFUSED'))
    return make(
      'refused',
      `${name}: connection refused; nothing listens on port ${endpoint.port}`,
      'check ssh-port, and that sshd runs on the target and no firewall rejects the connection',
    );
  if (codes.includes('ENOTFOUND')) {
    const kind = link.family === 0 ? 'no such host name' : `no IPv${link.family} address`;
    return make(
      'unknown-host',
      `${endpoint.host}: ${kind}`,
      'check the spelling of target-host and that the name resolves on the runner',
    );
  }
  if (errors.some(({ syscall }) => syscall === 'bind'))
    return make(
      'no-route',
      `${name}: cannot connect from ${link.bindAddress}, which is no address of this runner`,
      'check BindAddress in ssh-option',
    );
  if (errors.every(isWithoutIpv6)) return withoutIpv6(error, endpoint, errors, hasIpv6());
  return make(
    'unreachable',
    `${name}: ${errors.map(({ message }) => message).join('; ')}`,
    'check target-host, and that the runner may reach it (firewall, VPN, IPv6)',
  );
}

/** What a kernel says that knows no way to an IPv6 address. */
function isWithoutIpv6({ code, address }: SocketError): boolean {
  const saysSo = ['ENETUNREACH', 'EHOSTUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT'].includes(code ?? '');
  return saysSo && address !== undefined && isIPv6(address) && !/^(fe[89ab]|::1$)/i.test(address);
}

/** Runners of GitHub have no IPv6, and waiting does not give it to them; one that has may have lost its route for a moment. */
function withoutIpv6(
  error: Error,
  endpoint: Endpoint,
  errors: readonly SocketError[],
  hasIpv6: boolean,
): ConnectionError {
  const codes = [...new Set(errors.map(({ code }) => code))].join(', ');
  const only = isIPv6(endpoint.host) ? 'is an IPv6 address' : 'has only IPv6 addresses';
  const message = hasIpv6
    ? `${nameOf(endpoint)} ${only}, to which this runner finds no way (${codes})`
    : `${nameOf(endpoint)} ${only}, and this runner has no IPv6 (${codes})`;
  return new ConnectionError(hasIpv6 ? 'unreachable' : 'no-route', message, {
    cause: error,
    hint: 'give the machine’s IPv4 address, or a jump host that has both (ssh-option: ProxyJump=user@host); or bring the runner into its network first (a VPN or tunnel in an earlier step, a self-hosted runner). GitHub’s own runners have no IPv6',
  });
}

function runnerHasIpv6(): boolean {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .some(({ family, internal, scopeid }) => family === 'IPv6' && !internal && scopeid === 0);
}
