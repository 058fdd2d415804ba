import type { Duplex } from 'node:stream';
import type { Login } from './authentication';
import type { Endpoint } from './connection';
import type { HostKeyTrust } from './host-key-trust';
import { defaultLink, type LinkOptions, openTcp } from './tcp';

/** A server on the way to the machine, which hands on what is sent to it. */
export interface JumpHost {
  readonly endpoint: Endpoint;
  readonly login: Login;
  /** Its own, like that of the machine; it cannot read what it hands on. */
  readonly trust: HostKeyTrust;
}

/** How bytes get from the runner to a server. */
export interface Route {
  readonly link: LinkOptions;
  /** In the order in which they are passed. */
  readonly jumpHosts: readonly JumpHost[];
  /** @throws ConnectionError, or the reason of the signal */
  open(endpoint: Endpoint, signal: AbortSignal): Promise<Duplex>;
  /** Ends what it keeps open for the next connection. It can be used again. */
  close(): void;
}

/** From the runner to the server itself. */
export function directRoute(link: LinkOptions = defaultLink): Route {
  return {
    link,
    jumpHosts: [],
    open: (endpoint, signal) => openTcp(endpoint, link, signal),
    close: () => undefined,
  };
}
