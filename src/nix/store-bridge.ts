import { rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { ClientChannel } from 'ssh2';
import { errorMessage } from '../errors';
import { folderForSocket } from '../private-folder';
import type { Runtime } from '../runtime';
import { bridge, bridgesEnd } from '../ssh/scripts';
import type { Target } from '../ssh/target';

export interface BridgeOptions {
  /** The store on the target: `local` is the installer's own, `local?root=/mnt` that of the new system. */
  readonly store: string;
  /** Settings that the target's daemon gets, in place of the runner's. */
  readonly daemonOptions: readonly (readonly [string, string])[];
}

/**
 * A Unix socket on the runner behind which Nix finds a store on the target: each connection to it becomes a channel
 * of the one SSH connection, with `nix-daemon --stdio` at its other end. Nix sees `unix://…` and streams, where its
 * own `ssh://` waits for a round trip or two per path.
 */
export class StoreBridge {
  readonly uri: string;
  readonly #folder: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #touch: () => void = () => undefined;
  #bytesSent = 0;
  /** What the target's daemon printed, or why a channel could not be opened. */
  readonly #problems: string[] = [];

  private constructor(folder: string, server: Server) {
    this.#folder = folder;
    this.#server = server;
    this.uri = `unix://${socketPath(folder)}`;
  }

  /** Ends what earlier bridges left on the target, then opens the socket. */
  static async open(target: Target, options: BridgeOptions, runtime: Runtime): Promise<StoreBridge> {
    await target.run(bridgesEnd, [], { privileged: true });
    const folder = await folderForSocket(socketName);
    const server = createServer();
    const opened = new StoreBridge(folder, server);
    server.on('connection', (socket) => void opened.#serve(socket, target, options, runtime));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(socketPath(folder), resolve);
    });
    return opened;
  }

  get bytesSent(): number {
    return this.#bytesSent;
  }

  get problems(): readonly string[] {
    return this.#problems;
  }

  /** Whoever watches over the copy wants to know when bytes pass. */
  onProgress(touch: () => void): void {
    this.#touch = touch;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #serve(socket: Socket, target: Target, options: BridgeOptions, runtime: Runtime): Promise<void> {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    // Nix closing its end early is its own business; the other end is closed below
    socket.on('error', () => undefined);
    // nothing may be lost while the channel is opened
    socket.pause();
    try {
      const args = [
        options.store,
        ...options.daemonOptions.flatMap(([name, value]) => ['--option', name, value]),
      ];
      const channel: ClientChannel = await target.pipe(bridge, args, {
        onOutput: (bytes) => this.#toNix(bytes, socket, channel),
        onErrorLine: (line) => {
          this.#problems.push(line);
          runtime.log.foreign('target', line);
        },
      });
      this.#join(socket, channel);
    } catch (error) {
      this.#problems.push(errorMessage(error));
      socket.destroy();
    }
  }

  #join(socket: Socket, channel: ClientChannel): void {
    channel.on('error', () => socket.destroy());
    // Soon, not now: the daemon's last words must still reach Nix. And not end(): a Nix that waits for us to read what
    // it writes would never look whether we have said goodbye.
    channel.on('close', () => socket.destroySoon());
    socket.on('close', () => channel.destroy());
    socket.on('data', (bytes: Buffer) => this.#toTarget(bytes, socket, channel));
    socket.on('end', () => channel.end());
    socket.resume();
  }

  #toTarget(bytes: Buffer, socket: Socket, channel: ClientChannel): void {
    this.#bytesSent += bytes.length;
    if (channel.write(bytes)) return;
    socket.pause();
    channel.once('drain', () => {
      this.#touch();
      socket.resume();
    });
  }

  #toNix(bytes: Buffer, socket: Socket, channel: ClientChannel): void {
    this.#touch();
    if (socket.write(bytes)) return;
    channel.pause();
    socket.once('drain', () => channel.resume());
  }
}

const socketName = 'store.sock';

function socketPath(folder: string): string {
  return join(folder, socketName);
}
