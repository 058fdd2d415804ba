// GitHub's cache service on loopback, as far as the client of @actions/cache 6.3 speaks to it: the Twirp calls of its second
// version in snake_case JSON, and a blob store that takes a file at once or in blocks, as Azure's does.
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { type Fault, failBefore, sendBody } from './cache-faults.mts';

export interface CacheEntry {
  readonly key: string;
  readonly version: string;
  /** Milliseconds since the epoch; of two entries the later is the newer one. */
  readonly made: number;
  bytes: Buffer;
}

/** What the service was asked, in order. */
export interface CacheRequest {
  readonly what: 'look-up' | 'create' | 'finalize' | 'upload' | 'download';
  readonly key: string;
  readonly bytes: number;
}

export interface CacheServiceOptions {
  /**
   * Blobs have addresses of Azure's, which a client reaches through the service as its proxy: from those it downloads in
   * parallel blocks, as it does at GitHub.
   */
  readonly azure?: boolean;
}

const twirp = /^\/twirp\/github\.actions\.results\.api\.v1\.CacheService\/(\w+)$/;
const calls: Readonly<Record<string, 'look-up' | 'create' | 'finalize'>> = {
  GetCacheEntryDownloadURL: 'look-up',
  CreateCacheEntry: 'create',
  FinalizeCacheEntryUpload: 'finalize',
};

export class CacheService {
  readonly entries: CacheEntry[] = [];
  readonly requests: CacheRequest[] = [];
  /** What fails, each time that it is asked for. */
  readonly faults = new Map<CacheRequest['what'], Fault>();
  readonly token = `token-${randomUUID()}`;
  /** The secret parts of the addresses that it has given out. */
  readonly signatures: string[] = [];
  readonly #azure: boolean;
  #port = 0;
  readonly #server = createServer((request, response) => {
    this.#answer(request, response).catch((error: unknown) => {
      // one who has left needs no answer
      if (response.headersSent || request.destroyed) response.destroy();
      else response.writeHead(500).end(String(error));
    });
  });
  readonly #blobs = new Map<string, { entry: CacheEntry; blocks: Map<string, Buffer> }>();

  private constructor({ azure = false }: CacheServiceOptions) {
    this.#azure = azure;
    // as a proxy it leads to itself, wherever one wants to go
    this.#server.on('connect', (_: IncomingMessage, socket: Duplex) => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      this.#server.emit('connection', socket);
    });
  }

  static async start(options: CacheServiceOptions = {}): Promise<CacheService> {
    const service = new CacheService(options);
    await new Promise<void>((resolve) => service.#server.listen(0, '127.0.0.1', resolve));
    service.#port = (service.#server.address() as AddressInfo).port;
    return service;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** What one of GitHub's own runners gives its steps. */
  get environment(): Record<string, string> {
    return {
      RUNNER_ENVIRONMENT: 'github-hosted',
      ACTIONS_CACHE_SERVICE_V2: 'true',
      ACTIONS_RESULTS_URL: `${this.url}/`,
      ACTIONS_RUNTIME_TOKEN: this.token,
      ...(this.#azure ? { http_proxy: this.url } : {}),
    };
  }

  /** Afterwards connections are refused. */
  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', this.url);
    const call = calls[twirp.exec(url.pathname)?.[1] ?? ''];
    const fault = this.faults.get(call ?? (request.method === 'PUT' ? 'upload' : 'download'));
    if (await failBefore(fault, request, response)) return;
    const body = await buffer(request);
    if (call === undefined) return this.#blob(request, url, body, response);
    if (request.headers.authorization !== `Bearer ${this.token}`) {
      json(response, 401, { code: 'unauthenticated', msg: 'no token' });
      return;
    }
    const asked: Record<string, unknown> = JSON.parse(body.toString('utf8'));
    switch (call) {
      case 'look-up':
        return this.#find(asked, response);
      case 'create':
        return this.#create(asked, response);
      case 'finalize':
        return this.#finalize(asked, response);
    }
  }

  #find(asked: Record<string, unknown>, response: ServerResponse): void {
    const [key, beginnings] = [String(asked.key), (asked.restore_keys as string[] | undefined) ?? []];
    const newestFirst = this.entries.filter(({ version }) => version === asked.version).reverse();
    const found =
      newestFirst.find((entry) => entry.key === key) ??
      beginnings.flatMap((start) => newestFirst.find((entry) => entry.key.startsWith(start)) ?? [])[0];
    this.requests.push({ what: 'look-up', key, bytes: 0 });
    if (found === undefined) {
      json(response, 200, { ok: false });
      return;
    }
    const fault = this.faults.get('look-up');
    const matched_key = fault?.kind === 'rename' ? fault.key : found.key;
    json(response, 200, { ok: true, matched_key, signed_download_url: this.#sign(found) });
  }

  #create(asked: Record<string, unknown>, response: ServerResponse): void {
    const [key, version] = [String(asked.key), String(asked.version)];
    this.requests.push({ what: 'create', key, bytes: 0 });
    const exists = [...this.entries, ...[...this.#blobs.values()].map(({ entry }) => entry)].some(
      (entry) => entry.key === key && entry.version === version,
    );
    if (exists) {
      json(response, 409, { code: 'already_exists', msg: 'cache entry already exists' });
      return;
    }
    const entry: CacheEntry = { key, version, made: Date.now(), bytes: Buffer.alloc(0) };
    json(response, 200, { ok: true, signed_upload_url: this.#sign(entry) });
  }

  #finalize(asked: Record<string, unknown>, response: ServerResponse): void {
    const key = String(asked.key);
    this.requests.push({ what: 'finalize', key, bytes: 0 });
    const found = [...this.#blobs.values()].find(({ entry }) => entry.key === key);
    if (found === undefined || found.entry.bytes.length !== Number(asked.size_bytes)) {
      json(response, 200, { ok: false, message: 'the size is another' });
      return;
    }
    this.entries.push(found.entry);
    json(response, 200, { ok: true, entry_id: String(this.entries.length) });
  }

  #sign(entry: CacheEntry): string {
    const [name, signature] = [randomUUID(), randomUUID()];
    this.#blobs.set(name, { entry, blocks: new Map() });
    this.signatures.push(signature);
    const origin = this.#azure ? 'http://cachestore.blob.core.windows.net' : this.url;
    return `${origin}/caches/${name}?sig=${signature}`;
  }

  #blob(request: IncomingMessage, url: URL, body: Buffer, response: ServerResponse): void {
    const found = this.#blobs.get(url.pathname.split('/').at(-1) ?? '');
    if (found === undefined) {
      response.writeHead(404).end();
      return;
    }
    const { entry, blocks } = found;
    if (request.method === 'PUT') {
      this.#put(entry, blocks, url, body, response);
      return;
    }
    const [, from, to] =
      /^bytes=(\d+)-(\d+)$/.exec(String(request.headers.range ?? request.headers['x-ms-range'])) ?? [];
    const part = from === undefined ? entry.bytes : entry.bytes.subarray(Number(from), Number(to) + 1);
    response.writeHead(from === undefined ? 200 : 206, { 'content-length': part.length });
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    this.requests.push({ what: 'download', key: entry.key, bytes: part.length });
    sendBody(this.faults.get('download'), response, part);
  }

  #put(
    entry: CacheEntry,
    blocks: Map<string, Buffer>,
    url: URL,
    body: Buffer,
    response: ServerResponse,
  ): void {
    const block = url.searchParams.get('blockid');
    const list = url.searchParams.get('comp') === 'blocklist';
    if (block !== null) blocks.set(block, body);
    else if (list) {
      const names = [...body.toString('utf8').matchAll(/<Latest>([^<]*)<\/Latest>/g)].map(
        ([, name]) => name ?? '',
      );
      entry.bytes = Buffer.concat(names.map((name) => blocks.get(name) ?? Buffer.alloc(0)));
      blocks.clear();
    } else entry.bytes = body;
    if (!list) this.requests.push({ what: 'upload', key: entry.key, bytes: body.length });
    response.writeHead(201, { etag: '"1"', 'x-ms-request-id': randomUUID() }).end();
  }
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
