import type { Duplex } from 'node:stream';
import { formatDuration, orAborted, within } from '../deadlines';
import { ConnectionError, TimeoutError } from '../errors';
import type { Clock } from '../runtime';
import { offeredHostKeys } from './algorithms';
import { Connection, type Endpoint, nameOf } from './connection';
import { handshakeMs } from './dialer';
import { explainHostKey } from './host-key-errors';
import type { JumpHost, Route } from './route';

/** Something about the way to the machine, which names the jump host that it is about. */
class JumpHostError extends ConnectionError {}

/**
 * Through a jump host. One connection to it carries all that are made to the machine, one after the other: hosts that
 * people jump through bar who comes too often.
 */
export class JumpRoute implements Route {
  readonly #host: JumpHost;
  readonly #before: Route;
  readonly #clock: Clock;
  #connection: Connection | undefined;
  #connecting: Promise<Connection> | undefined;
  #closing = new AbortController();

  /** @param before the way to the jump host */
  constructor(host: JumpHost, before: Route, clock: Clock) {
    this.#host = host;
    this.#before = before;
    this.#clock = clock;
  }

  get link() {
    return this.#before.link;
  }

  get jumpHosts(): readonly JumpHost[] {
    return [...this.#before.jumpHosts, this.#host];
  }

  async open(endpoint: Endpoint, signal: AbortSignal): Promise<Duplex> {
    const connection = await orAborted(signal, this.#connected());
    const { answerMs } = this.link;
    try {
      return await within(this.#clock, 'forwarding', answerMs, signal, (limited) =>
        connection.tunnelTo(endpoint, limited),
      );
    } catch (error) {
      signal.throwIfAborted();
      throw this.#explainForwarding(error, endpoint);
    }
  }

  close(): void {
    this.#closing.abort(new ConnectionError('dropped', `the connection to ${this.#name} was closed`));
    this.#closing = new AbortController();
    this.#connection?.end();
    this.#connection = undefined;
    this.#before.close();
  }

  get #name(): string {
    return `jump host ${nameOf(this.#host.endpoint)}`;
  }

  /** Whoever asks while it is being made gets the same; that one of them is cancelled does not end it. */
  async #connected(): Promise<Connection> {
    if (this.#connection?.isOpen) return this.#connection;
    this.#connecting ??= this.#connect(this.#closing.signal).finally(() => {
      this.#connecting = undefined;
    });
    this.#connection = await this.#connecting;
    return this.#connection;
  }

  async #connect(signal: AbortSignal): Promise<Connection> {
    const { endpoint, login, trust } = this.#host;
    try {
      return await Connection.open({
        endpoint,
        login,
        acceptsHostKey: (blob) => trust.accepts(blob),
        algorithms: { serverHostKey: offeredHostKeys(trust.accepted, undefined) },
        handshakeMs,
        route: this.#before,
        signal,
      });
    } catch (error) {
      throw error instanceof ConnectionError && !(error instanceof JumpHostError)
        ? this.#explain(error)
        : error;
    }
  }

  /** Only of the machine itself may it be said that it refuses a login or shows another key. */
  #explain(error: ConnectionError): JumpHostError {
    const { endpoint, trust } = this.#host;
    const explained = error.reason === 'host-key' ? explainHostKey(error, endpoint, trust, endpoint) : error;
    const message = explained.message.startsWith(nameOf(endpoint))
      ? `jump host ${explained.message}`
      : `${this.#name}: ${explained.message}`;
    const context = { cause: error, hint: hints[error.reason] ?? explained.hint ?? hints.unreachable };
    return new JumpHostError(reasonOutside(error), message, context);
  }

  #explainForwarding(error: unknown, endpoint: Endpoint): unknown {
    const cannot = `${nameOf(endpoint)} cannot be reached from ${this.#name}`;
    if (error instanceof TimeoutError)
      return new JumpHostError(
        'unreachable',
        `${cannot}: no connection within ${formatDuration(this.link.answerMs)}`,
        { cause: error, hint: hints.fromThere },
      );
    if (!(error instanceof ConnectionError)) return error;
    if (error.reason === 'protocol')
      return new JumpHostError(
        'jump-host',
        `${this.#name} does not forward to ${nameOf(endpoint)}: ${error.message}`,
        { cause: error, hint: hints.forwarding },
      );
    return error.reason === 'dropped'
      ? new JumpHostError('unreachable', error.message, { cause: error })
      : new JumpHostError(error.reason, `${cannot}: ${error.message}`, {
          cause: error,
          hint: hints.fromThere,
        });
  }
}

function reasonOutside({ reason }: ConnectionError): ConnectionError['reason'] {
  if (reason === 'no-route') return reason;
  return ['unreachable', 'refused', 'no-banner', 'dropped'].includes(reason) ? 'unreachable' : 'jump-host';
}

const hints: Partial<Record<string, string>> & Record<'unreachable' | 'fromThere' | 'forwarding', string> = {
  authentication:
    'check that the public half of jump-ssh-private-key (if that is not given, of ssh-private-key) stands in the authorized_keys of that user there, and the user name in ProxyJump',
  unreachable: 'check ProxyJump in ssh-option: its names, ports and order, and that the runner may reach it',
  refused: 'check the port in ProxyJump, and that sshd runs there and no firewall rejects the connection',
  'unknown-host':
    'check the spelling in ProxyJump: the first name has to resolve on the runner, each other one on the jump host before it',
  'no-banner': 'check the port in ProxyJump: nobody is behind it, or no SSH server',
  fromThere:
    'names and addresses are those that the jump host knows: check target-host and ssh-port as seen from there, and its firewall',
  forwarding:
    'let it forward: AllowTcpForwarding and PermitOpen in its sshd_config, and no `restrict`, `no-port-forwarding` or `permitopen` before the key in its authorized_keys',
};
