import type { Duplex } from 'node:stream';
import { type AuthHandlerMiddleware, Client, type ClientChannel, type ConnectConfig } from 'ssh2';
import { ConnectionError, type ConnectionFailure, type ErrorContext } from '../errors';
import type { OfferedAlgorithms } from './algorithms';
import { Authentication, type Login } from './authentication';
import type { Route } from './route';

/** Where a server listens and who logs in. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly user: string;
}

export interface ConnectionOptions {
  readonly endpoint: Endpoint;
  readonly login: Login;
  /** Called at the first key exchange and at every later one: must be pure. */
  readonly acceptsHostKey: (blob: Buffer) => boolean;
  /** Where a list is missing or empty, what ssh2 offers by itself. */
  readonly algorithms: OfferedAlgorithms;
  /** For key exchange and login, in milliseconds; more where a server may take as long as that until its first byte. */
  readonly handshakeMs: number;
  readonly route: Route;
  readonly signal: AbortSignal;
}

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
    const { endpoint, route, signal } = options;
    const client = new Client();
    let stream: Duplex | undefined;
    const onAbort = () => stream?.destroy();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      stream = await route.open(endpoint, signal);
      await handshake(client, stream, options);
      return new Connection(client, endpoint);
    } catch (error) {
      client.on('error', () => undefined);
      client.destroy();
      stream?.destroy();
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
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

  /**
   * A stream to another server, as this one reaches it.
   *
   * @throws ConnectionError: `dropped`; `protocol` when the server does not forward; else why it got no connection
   */
  tunnelTo({ host, port }: Endpoint, signal: AbortSignal): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      const onClose = () => reject(dropped(this.endpoint));
      if (this.#closed) return onClose();
      this.#client.once('close', onClose);
      try {
        this.#client.forwardOut('127.0.0.1', 0, host, port, (error, channel) => {
          this.#client.removeListener('close', onClose);
          if (error) reject(this.#closed ? dropped(this.endpoint) : explainForwarding(error));
          // it came too late
          else if (signal.aborted) channel.close();
          else resolve(channel);
        });
      } catch {
        // the socket is gone, which `close` is about to tell
        onClose();
      }
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

/** How an SSH server names what it found (RFC 4254, 5.1). */
const connectFailed = 2;

function explainForwarding(error: Error & { readonly reason?: unknown }): ConnectionError {
  const message = error.message.replace(/^.*Channel open failure: /, '');
  const make = (reason: ConnectionFailure) => new ConnectionError(reason, message, { cause: error });
  if (error.reason !== connectFailed) return make('protocol');
  if (/refused/i.test(message)) return make('refused');
  return make(/not known|no address|resolution|resolve/i.test(message) ? 'unknown-host' : 'unreachable');
}

function handshake(client: Client, stream: Duplex, options: ConnectionOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    let hostKeyRefused = false;
    let bannerSeen = false;
    const { endpoint } = options;
    const { answerMs } = options.route.link;
    const fail = (error: ConnectionError) => {
      clearTimeout(silence);
      reject(error);
    };
    const authentication = new Authentication(endpoint.user, options.login, () =>
      fail(loginRefused(authentication, endpoint)),
    );
    stream.once('data', () => {
      bannerSeen = true;
      clearTimeout(silence);
    });
    const silence = setTimeout(
      () =>
        fail(
          new ConnectionError(
            'no-banner',
            `${nameOf(endpoint)} accepts connections but says nothing (no SSH banner within ${answerMs / 1000} s)`,
            {
              hint: 'a port forwarding with nobody behind it, or a machine that is still starting: check ssh-port and the machine’s console',
            },
          ),
        ),
      answerMs,
    );
    client.once('ready', () => resolve());
    client.on('error', (error: Error & { level?: string }) => {
      if (error.level === 'agent') authentication.agentFailed(error.message);
      else fail(explainHandshakeError(error, endpoint, hostKeyRefused, authentication));
    });
    client.once('change password', authentication.passwordExpired);
    client.once('close', () =>
      fail(
        authentication.passwordWasSent
          ? loginRefused(authentication, endpoint)
          : new ConnectionError(
              bannerSeen ? 'dropped' : 'no-banner',
              `${nameOf(endpoint)} closed the connection before the login was done`,
            ),
      ),
    );
    client.connect({
      ...connectConfig(options),
      authHandler: authentication.next as unknown as AuthHandlerMiddleware,
      sock: stream,
      hostVerifier: (blob: Buffer) => {
        const accepted = options.acceptsHostKey(blob);
        hostKeyRefused ||= !accepted;
        return accepted;
      },
    });
  });
}

function connectConfig({ endpoint, handshakeMs, algorithms, route }: ConnectionOptions): ConnectConfig {
  const { answerMs, keepaliveMs, keepaliveCount } = route.link;
  const offered = Object.entries(algorithms).filter(([, list]) => list.length > 0);
  return {
    username: endpoint.user,
    readyTimeout: Math.max(handshakeMs, 2 * answerMs),
    keepaliveInterval: keepaliveMs,
    keepaliveCountMax: keepaliveCount,
    ...(offered.length === 0 ? {} : { algorithms: Object.fromEntries(offered) }),
  };
}

/** What sshd says to who has used up MaxAuthTries. */
const tooManyFailures = /too many authentication failures/i;

function explainHandshakeError(
  error: Error & { level?: string },
  endpoint: Endpoint,
  hostKeyRefused: boolean,
  authentication: Authentication,
): ConnectionError {
  const name = nameOf(endpoint);
  const make = (reason: ConnectionFailure, message: string, hint?: string) =>
    new ConnectionError(reason, message, { cause: error, ...(hint === undefined ? {} : { hint }) });
  if (hostKeyRefused) return make('host-key', `${name} has another host key than expected`);
  if (/no matching (server )?host key/i.test(error.message)) {
    return make('host-key', `${name} offers no host key of the types that are expected`);
  }
  if (error.level === 'client-authentication' || tooManyFailures.test(error.message))
    return loginRefused(authentication, endpoint, error);
  if (error.level === 'client-timeout' || /timed out/i.test(error.message)) {
    return make('unreachable', `${name}: the login did not finish in time`);
  }
  if (error.level === 'client-socket')
    return authentication.passwordWasSent
      ? loginRefused(authentication, endpoint, error)
      : make('dropped', `${name}: ${error.message}`);
  if (/no matching/i.test(error.message)) {
    return make(
      'protocol',
      `${name}: ${error.message}`,
      'client and server have no algorithm in common: the server is very old, or lets in only the newest. Old ones can be added with ssh-option, as in KexAlgorithms=+diffie-hellman-group14-sha1 (docs/ssh-options.md lists all)',
    );
  }
  return make('protocol', `${name}: ${error.message}`);
}

function loginRefused(authentication: Authentication, endpoint: Endpoint, cause?: Error): ConnectionError {
  const { problem, hint, said } = authentication.failure();
  const ending = cause !== undefined && tooManyFailures.test(cause.message);
  // what else there is to check was never asked
  const context: ErrorContext = { cause, lastLines: said, ...(ending ? {} : { hint }) };
  return new ConnectionError(
    'authentication',
    `${nameOf(endpoint)} ${problem}${ending ? ', and ended the connection: too many authentication failures' : ''}`,
    context,
  );
}
