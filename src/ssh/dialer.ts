import { formatDuration, within } from '../deadlines';
import { ConnectionError, TimeoutError } from '../errors';
import type { Runtime } from '../runtime';
import { Connection, type Endpoint, type Login, nameOf } from './connection';
import type { HostKeyTrust } from './host-key-trust';
import { fingerprint, knownHostsLine } from './host-keys';

export interface TargetOptions {
  readonly endpoint: Endpoint;
  readonly login: Login;
  readonly trust: HostKeyTrust;
  /** How long it may take until a connection stands, first or again, in milliseconds. */
  readonly connectMs: number;
  /** How long a remote command may be silent, in milliseconds. */
  readonly idleMs: number;
}

/** Between two attempts to connect; OpenSSH 10 penalises clients that hammer. */
export const pauseMs = 2000;
const handshakeMs = 30_000;

/** Makes connections to one machine. */
export class Dialer {
  readonly #options: TargetOptions;
  readonly #runtime: Runtime;

  constructor(options: TargetOptions, runtime: Runtime) {
    this.#options = options;
    this.#runtime = runtime;
  }

  /**
   * Connects, and has patience with a machine that is not up yet.
   *
   * @param refusedLogins so many times the login may be refused until that is believed
   */
  dialPatiently(signal: AbortSignal, refusedLogins: number): Promise<Connection> {
    const name = nameOf(this.#options.endpoint);
    let last: ConnectionError | undefined;
    let refused = 0;
    const attempts = async (limited: AbortSignal) => {
      for (;;) {
        try {
          return await this.dial(limited);
        } catch (error) {
          if (!(error instanceof ConnectionError)) throw error;
          const mayPass =
            error.reason === 'authentication' ? ++refused < refusedLogins : isWorthWaiting(error);
          if (!mayPass) throw error;
          if (last?.message !== error.message) {
            this.#runtime.log.info(
              `${error.message}; trying for ${formatDuration(this.#options.connectMs)} in all`,
            );
          }
          last = error;
        }
        await this.#runtime.clock.sleep(pauseMs, limited);
      }
    };
    return within(
      this.#runtime.clock,
      `connecting to ${name}`,
      this.#options.connectMs,
      signal,
      attempts,
    ).catch((error: unknown) => {
      throw error instanceof TimeoutError && last !== undefined ? last : error;
    });
  }

  async dial(signal: AbortSignal): Promise<Connection> {
    const { endpoint, login, trust } = this.#options;
    try {
      return await Connection.open({
        endpoint,
        login,
        acceptsHostKey: (blob) => trust.accepts(blob),
        hostKeyAlgorithms: trust.algorithms,
        handshakeMs,
        signal,
      });
    } catch (error) {
      throw error instanceof ConnectionError && error.reason === 'host-key' ? this.#explain(error) : error;
    }
  }

  /** Why the host key was refused. */
  #explain(error: ConnectionError): ConnectionError {
    const { endpoint, trust } = this.#options;
    const key = trust.offered;
    if (trust.whyRefused === undefined || key === undefined) {
      return new ConnectionError('host-key', `${error.message}: ${trust.describeMismatch()}`, {
        cause: error,
        hint: 'the machine was reinstalled, or this is another machine, or somebody is in between: compare the fingerprint over another way (console, provider) before you change known-hosts',
      });
    }
    const line = knownHostsLine(endpoint.host, endpoint.port, key);
    return new ConnectionError(
      'host-key',
      `the host key of ${nameOf(endpoint)} is not known, and ${trust.whyRefused}. It shows ${key.type} ${fingerprint(key)}; the line for known-hosts:\n${line}`,
      {
        cause: error,
        hint: 'compare the fingerprint over another way (console, provider), then set known-hosts to that line; or trust the first key that answers, with ssh-option: StrictHostKeyChecking=accept-new',
      },
    );
  }
}

function isWorthWaiting(error: ConnectionError): boolean {
  return ['unreachable', 'refused', 'no-banner', 'dropped'].includes(error.reason);
}
