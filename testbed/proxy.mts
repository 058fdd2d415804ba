// A TCP proxy on loopback that delays, slows, drops and cuts: the network between runner and target, with its faults.
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** Bytes one direction holds before its sender is paused: 16 MiB carry 600 MB/s at a delay of 25 ms. */
const LINE_CAPACITY = 16 * 1024 * 1024;
/** A slow line holds little, so that its sender finds out that it is slow. */
const SLOW_LINE_CAPACITY = 64 * 1024;

export interface ProxyTarget {
  host: string;
  port: number;
}

export interface ProxyOptions {
  /** One-way delay in milliseconds; the round trip is twice as long. Connecting itself is not delayed. */
  delayMs?: number;
  /** What one direction of a connection carries in a second; as much as it can if not given. */
  bytesPerSecond?: number;
}

interface Parcel {
  due: number;
  /** Undefined is the sender's end of stream, which travels the line like any byte. */
  chunk: Buffer | undefined;
}

/** One direction of one connection: chunks arrive in order, each `delayMs` after it was sent, or as fast as the line is. */
class Line {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #delayMs: number;
  readonly #bytesPerMs: number | undefined;
  readonly #delivered: (bytes: number) => void;
  /** When all is through that was sent. */
  #free = 0;
  #parcels: Parcel[] = [];
  #waiting = 0;
  #timer: NodeJS.Timeout | undefined;
  #broken = false;

  constructor(
    from: Socket,
    to: Socket,
    { delayMs = 0, bytesPerSecond }: ProxyOptions,
    delivered: (bytes: number) => void,
  ) {
    this.#from = from;
    this.#to = to;
    this.#delayMs = delayMs;
    this.#bytesPerMs = bytesPerSecond === undefined ? undefined : bytesPerSecond / 1000;
    this.#delivered = delivered;
    from.on('data', (chunk) => this.#send(chunk));
    from.on('end', () => this.#send(undefined));
    to.on('drain', () => this.#deliver());
    to.on('close', () => this.break());
  }

  /** Forgets what is under way and swallows whatever comes; the sockets stay as they are. */
  break(): void {
    this.#broken = true;
    this.#parcels = [];
    this.#waiting = 0;
    clearTimeout(this.#timer);
    this.#from.resume();
  }

  #send(chunk: Buffer | undefined): void {
    if (this.#broken) return;
    const takes = this.#bytesPerMs === undefined ? 0 : (chunk?.length ?? 0) / this.#bytesPerMs;
    this.#free = Math.max(this.#free, performance.now()) + takes;
    this.#parcels.push({ due: this.#free + this.#delayMs, chunk });
    this.#waiting += chunk?.length ?? 0;
    this.#deliver();
  }

  #deliver(): void {
    clearTimeout(this.#timer);
    const now = performance.now();
    let next = this.#parcels[0];
    while (next && next.due <= now && !this.#to.writableNeedDrain) {
      this.#parcels.shift();
      this.#handOver(next.chunk);
      next = this.#parcels[0];
    }
    // a receiver that is too slow wakes us with `drain`
    if (next && next.due > now) this.#timer = setTimeout(() => this.#deliver(), next.due - now);
    const capacity = this.#bytesPerMs === undefined ? LINE_CAPACITY : SLOW_LINE_CAPACITY;
    if (this.#waiting > capacity) this.#from.pause();
    else this.#from.resume();
  }

  #handOver(chunk: Buffer | undefined): void {
    if (!chunk) {
      this.#to.end();
      return;
    }
    this.#waiting -= chunk.length;
    this.#to.write(chunk);
    this.#delivered(chunk.length);
  }
}

/** A client's connection and ours to the target. */
class Pair {
  readonly #client: Socket;
  readonly #target: Socket;
  readonly #lines: Line[];
  #black = false;

  constructor(client: Socket, target: Socket, lines: Line[], closed: () => void) {
    this.#client = client;
    this.#target = target;
    this.#lines = lines;
    for (const [socket, other] of [
      [client, target],
      [target, client],
    ] as const) {
      socket.setNoDelay(true);
      // what went wrong is passed on by `close`; without a listener it would end the process
      socket.on('error', () => undefined);
      socket.on('close', (failed) => {
        // a black hole swallows resets too: the other side must not learn that its peer is gone
        if (failed && !this.#black) other.resetAndDestroy();
        if (client.destroyed && target.destroyed) closed();
      });
    }
  }

  blackhole(): void {
    this.#black = true;
    for (const line of this.#lines) line.break();
  }

  reset(): void {
    this.#client.resetAndDestroy();
    this.#target.resetAndDestroy();
  }
}

/** Listens on 127.0.0.1 and hands every connection on to the target, until told to misbehave. */
export class FaultProxy {
  /** The port to connect to instead of the target's. */
  readonly port: number;
  /** Connections that were ever made. */
  accepted = 0;
  /** Bytes that reached the target, over all connections; dropped ones are not counted. */
  bytesToTarget = 0;
  /** Bytes that reached the clients, over all connections. */
  bytesFromTarget = 0;
  readonly #server: Server;
  readonly #target: ProxyTarget;
  readonly #options: ProxyOptions;
  readonly #pairs = new Set<Pair>();

  private constructor(server: Server, target: ProxyTarget, options: ProxyOptions) {
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
    this.#target = target;
    this.#options = options;
    server.on('connection', (client) => this.#accept(client));
  }

  static async listen(target: ProxyTarget, options: ProxyOptions = {}): Promise<FaultProxy> {
    const server = createServer({ allowHalfOpen: true });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    return new FaultProxy(server, target, options);
  }

  /** Connections with at least one side still open. */
  get connections(): number {
    return this.#pairs.size;
  }

  /** Closes all current connections with a reset on both sides. */
  cut(): void {
    for (const pair of this.#pairs) pair.reset();
  }

  /**
   * From now on the bytes of the current connections vanish in both directions, those under way too, and so do
   * ends and resets: both sides keep a socket that looks alive. New connections pass.
   */
  blackhole(): void {
    for (const pair of this.#pairs) pair.blackhole();
  }

  /** Cuts everything and stops listening. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.cut();
    await closed;
  }

  #accept(client: Socket): void {
    this.accepted++;
    const target = connect({ ...this.#target, allowHalfOpen: true });
    const lines = [
      new Line(client, target, this.#options, (bytes) => {
        this.bytesToTarget += bytes;
      }),
      new Line(target, client, this.#options, (bytes) => {
        this.bytesFromTarget += bytes;
      }),
    ];
    const pair = new Pair(client, target, lines, () => this.#pairs.delete(pair));
    this.#pairs.add(pair);
  }
}
