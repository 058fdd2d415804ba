import { formatDuration, within } from '../deadlines';
import { ConnectionError, TimeoutError } from '../errors';
import { inSeconds, withProgressLines } from '../progress-lines';
import type { Runtime } from '../runtime';
import { type OfferedAlgorithms, offeredHostKeys } from './algorithms';
import type { Login } from './authentication';
import { Connection, type Endpoint, nameOf } from './connection';
import { explainHostKey } from './host-key-errors';
import type { HostKeyTrust } from './host-key-trust';
import { directRoute, type Route } from './route';

export interface TargetOptions {
  readonly endpoint: Endpoint;
  readonly login: Login;
  readonly trust: HostKeyTrust;
  /** The way there; straight from the runner if not given. */
  readonly via?: Route;
  /** What ssh-option says of algorithms; a list that is missing is ssh2's own. */
  readonly algorithms?: OfferedAlgorithms;
  /** Under which name known_hosts lines are looked up, where that is not the address. */
  readonly hostKeyAlias?: string | undefined;
  /** How long it may take until a connection stands, first or again, in milliseconds. */
  readonly connectMs: number;
  /** How long a remote command may be silent, in milliseconds. */
  readonly idleMs: number;
}

/** Between two attempts to connect; OpenSSH 10 penalises clients that hammer. */
export const pauseMs = 2000;
export const handshakeMs = 30_000;

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
    const { clock } = this.#runtime;
    const { connectMs } = this.#options;
    const what = `connecting to ${name}`;
    const end = clock.now() + connectMs;
    const read = () => ({ done: last?.message ?? '', now: `given up in ${inSeconds(end - clock.now())}` });
    const connecting = () => within(clock, what, connectMs, signal, attempts);
    return withProgressLines(this.#runtime, what, read, connecting).catch((error: unknown) => {
      throw error instanceof TimeoutError && last !== undefined ? last : error;
    });
  }

  async dial(signal: AbortSignal): Promise<Connection> {
    const { endpoint, login, trust, via = directRoute(), algorithms = {}, hostKeyAlias } = this.#options;
    try {
      return await Connection.open({
        endpoint,
        login,
        acceptsHostKey: (blob) => trust.accepts(blob),
        algorithms: {
          ...algorithms,
          serverHostKey: offeredHostKeys(trust.accepted, algorithms.serverHostKey),
        },
        handshakeMs,
        route: via,
        signal,
      });
    } catch (error) {
      if (!(error instanceof ConnectionError) || error.reason !== 'host-key') throw error;
      const line = hostKeyAlias === undefined ? endpoint : { host: hostKeyAlias, port: 22 };
      throw explainHostKey(error, endpoint, trust, line);
    }
  }
}

function isWorthWaiting(error: ConnectionError): boolean {
  return ['unreachable', 'refused', 'no-banner', 'dropped'].includes(error.reason);
}
