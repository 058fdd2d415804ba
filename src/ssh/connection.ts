import { connect as connectSocket, type Socket } from 'node:net';
import { Client, type ClientChannel, type ConnectConfig } from 'ssh2';
import { ConnectionError, type ConnectionFailure } from '../errors';

/** Where a server listens and who logs in. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly user: string;
}

/** What a user proves to be one with. */
export interface Login {
  /** The private key's text. */
  readonly privateKey: string;
}

export interface ConnectionOptions {
  readonly endpoint: Endpoint;
  readonly login: Login;
  /** Called at the first key exchange and at every later one: must be pure. */
  readonly acceptsHostKey: (blob: Buffer) => boolean;
  /** Signature algorithms to offer; all that ssh2 knows when empty. */
  readonly hostKeyAlgorithms: readonly string[];
  /** For the whole of connecting, key exchange and login, in milliseconds. */
  readonly handshakeMs: number;
  readonly signal: AbortSignal;
}

/**
 * How long a server may take until its first byte. Forwarded ports accept connections while nobody is behind them,
 * and then say nothing.
 */
const bannerMs = 8000;
/** Together about 25 s until a connection whose bytes vanish is given up. */
const keepalive = { keepaliveInterval: 5000, keepaliveCountMax: 4 };

/** One authenticated SSH connection; many channels run over it. */
export class Connection {
  readonly endpoint: Endpoint;
  readonly #client: Client;
  #closed = false;

  private constructor(client: Client, endpoint: Endpoint) {
    this.#client = client;
    this.endpoint = endpoint;
    client.on('close', () => {
      this.#closed = true;
    });
    // a connection that breaks later shows in its channels; without a listener node would end the process
    client.on('error', () => undefined);
  }

  /** @throws ConnectionError, or the reason of the signal */
  static async open(options: ConnectionOptions): Promise<Connection> {
    options.signal.throwIfAborted();
    const socket = connectSocket({ host: options.endpoint.host, port: options.endpoint.port });
    // ssh2 writes a packet in three pieces; Nagle's algorithm would hold the second until the first is acknowledged
    socket.setNoDelay(true);
    const onAbort = () => socket.destroy();
    options.signal.addEventListener('abort', onAbort, { once: true });
    const client = new Client();
    try {
      await socketReady(socket, options.endpoint);
      await handshake(client, socket, options);
      return new Connection(client, options.endpoint);
    } catch (error) {
      client.on('error', () => undefined);
      client.destroy();
      socket.destroy();
      options.signal.throwIfAborted();
      throw error;
    } finally {
      options.signal.removeEventListener('abort', onAbort);
    }
  }

  get isOpen(): boolean {
    return !this.#closed;
  }

  /**
   * @param attach gets the channel before anything of it can be missed, and makes what is returned
   * @throws ConnectionError: `dropped` when the connection is gone, `protocol` when the server refuses the channel
   */
  exec<T>(command: string, attach: (channel: ClientChannel) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(dropped(this.endpoint));
      const onClose = () => reject(dropped(this.endpoint));
      this.#client.once('close', onClose);
      this.#client.exec(command, (error, channel) => {
        this.#client.removeListener('close', onClose);
        if (error === undefined || error === null) resolve(attach(channel));
        else if (this.#closed) reject(dropped(this.endpoint));
        else
          reject(
            new ConnectionError(
              'protocol',
              `${nameOf(this.endpoint)} refused to run a command: ${error.message}`,
              {
                cause: error,
                hint: 'the SSH server allows too few sessions on one connection (MaxSessions must be at least 3), or none',
              },
            ),
          );
      });
    });
  }

  /** Says goodbye. */
  end(): void {
    this.#client.end();
  }

  /** Drops the connection without waiting for the other side. */
  destroy(): void {
    this.#closed = true;
    this.#client.destroy();
  }
}

export function dropped(endpoint: Endpoint): ConnectionError {
  return new ConnectionError('dropped', `the connection to ${nameOf(endpoint)} was lost`);
}

export function nameOf(endpoint: Endpoint): string {
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
  return `${endpoint.user}@${host}:${endpoint.port}`;
}

function socketReady(socket: Socket, endpoint: Endpoint): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', (error: NodeJS.ErrnoException) => reject(explainSocketError(error, endpoint)));
    socket.once('close', () =>
      reject(new ConnectionError('unreachable', `${nameOf(endpoint)}: the connection was closed`)),
    );
    socket.setTimeout(bannerMs, () => {
      socket.destroy(
        new ConnectionError(
          'unreachable',
          `${nameOf(endpoint)} does not answer (no TCP connection within ${bannerMs / 1000} s)`,
        ),
      );
    });
  });
}

function explainSocketError(
  error: NodeJS.ErrnoException | ConnectionError,
  endpoint: Endpoint,
): ConnectionError {
  if (error instanceof ConnectionError) return error;
  const name = nameOf(endpoint);
  switch (error.code) {
    case 'ECONNREFUSED':
      return new ConnectionError(
        'refused',
        `${name}: connection refused; nothing listens on port ${endpoint.port}`,
        {
          cause: error,
          hint: 'check ssh-port, and that sshd runs on the target and no firewall rejects the connection',
        },
      );
    case 'ENOTFOUND':
      return new ConnectionError('unknown-host', `${endpoint.host}: no such host name`, {
        cause: error,
        hint: 'check the spelling of target-host and that the name resolves on the runner',
      });
    default:
      return new ConnectionError('unreachable', `${name}: ${error.message}`, {
        cause: error,
        hint: 'check target-host, and that the runner may reach it (firewall, VPN, IPv6)',
      });
  }
}

function handshake(client: Client, socket: Socket, options: ConnectionOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    let hostKeyRefused = false;
    let bannerSeen = false;
    const { endpoint } = options;
    const fail = (error: ConnectionError) => {
      socket.setTimeout(0);
      reject(error);
    };
    socket.once('data', () => {
      bannerSeen = true;
      socket.setTimeout(0);
    });
    socket.removeAllListeners('timeout');
    socket.setTimeout(bannerMs, () =>
      fail(
        new ConnectionError(
          'no-banner',
          `${nameOf(endpoint)} accepts connections but says nothing (no SSH banner within ${bannerMs / 1000} s)`,
          {
            hint: 'a port forwarding with nobody behind it, or a machine that is still starting: check ssh-port and the machine’s console',
          },
        ),
      ),
    );
    client.once('ready', () => resolve());
    client.once('error', (error: Error & { level?: string }) =>
      fail(explainHandshakeError(error, endpoint, hostKeyRefused)),
    );
    client.once('close', () =>
      fail(
        new ConnectionError(
          bannerSeen ? 'dropped' : 'no-banner',
          `${nameOf(endpoint)} closed the connection before the login was done`,
        ),
      ),
    );
    client.connect({
      ...connectConfig(options),
      sock: socket,
      hostVerifier: (blob: Buffer) => {
        const accepted = options.acceptsHostKey(blob);
        hostKeyRefused ||= !accepted;
        return accepted;
      },
    });
  });
}

function connectConfig(options: ConnectionOptions): ConnectConfig {
  return {
    username: options.endpoint.user,
    privateKey: options.login.privateKey,
    readyTimeout: options.handshakeMs,
    ...keepalive,
    ...(options.hostKeyAlgorithms.length === 0
      ? {}
      : { algorithms: { serverHostKey: [...options.hostKeyAlgorithms] as never } }),
  };
}

function explainHandshakeError(
  error: Error & { level?: string },
  endpoint: Endpoint,
  hostKeyRefused: boolean,
): ConnectionError {
  const name = nameOf(endpoint);
  const make = (reason: ConnectionFailure, message: string, hint?: string) =>
    new ConnectionError(reason, message, { cause: error, ...(hint === undefined ? {} : { hint }) });
  if (hostKeyRefused) return make('host-key', `${name} has another host key than expected`);
  if (/no matching (server )?host key/i.test(error.message)) {
    return make('host-key', `${name} offers no host key of the types that are expected`);
  }
  if (error.level === 'client-authentication') {
    return make(
      'authentication',
      `${name} refused the key`,
      "check that the public half of ssh-private-key stands in the authorized_keys of that user, the user name in target-host, and sshd's PermitRootLogin",
    );
  }
  if (error.level === 'client-timeout' || /timed out/i.test(error.message)) {
    return make('unreachable', `${name}: the login did not finish in time`);
  }
  if (error.level === 'client-socket') return make('dropped', `${name}: ${error.message}`);
  return make('protocol', `${name}: ${error.message}`);
}
