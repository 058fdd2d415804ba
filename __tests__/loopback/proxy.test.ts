import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { FaultProxy, type ProxyOptions } from '../../testbed/proxy.mts';

const opened: { proxy: FaultProxy; server: Server; far: Socket[] }[] = [];

/** A server that treats each connection with `serve`, and the proxy in front of it. */
async function behindProxy(serve: (socket: Socket) => void, options?: ProxyOptions) {
  const far: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    far.push(socket);
    serve(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const proxy = await FaultProxy.listen({ host: '127.0.0.1', port }, options);
  const setup = { proxy, server, far };
  opened.push(setup);
  return setup;
}

const echo = (socket: Socket) => void socket.pipe(socket);

async function dial(proxy: FaultProxy): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: proxy.port });
  // closing the proxy resets what a test left open
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** Reads to the end of the stream. */
async function digest(socket: Socket): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of socket) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { bytes, sha256: hash.digest('hex') };
}

afterEach(async () => {
  for (const { proxy, server, far } of opened.splice(0)) {
    await proxy.close();
    for (const socket of far) socket.destroy();
    server.close();
  }
});

describe('a proxy without faults', () => {
  test('hands bytes on in order, counts them, and passes the end of the stream', async () => {
    const { proxy } = await behindProxy(echo);
    const payload = randomBytes(8 * 1024 * 1024);
    const client = await dial(proxy);
    client.end(payload);
    const sha256 = createHash('sha256').update(payload).digest('hex');
    expect(await digest(client)).toEqual({ bytes: payload.length, sha256 });
    expect(proxy.bytesToTarget).toBe(payload.length);
    expect(proxy.bytesFromTarget).toBe(payload.length);
  });

  test('resets the client when the target refuses', async () => {
    const { proxy, server } = await behindProxy(echo);
    server.close();
    await once(server, 'close');
    const client = connect({ host: '127.0.0.1', port: proxy.port });
    const [error] = await once(client, 'error');
    expect(error).toMatchObject({ code: 'ECONNRESET' });
  });

  test('makes a sender wait for a receiver that does not read', async () => {
    const { proxy } = await behindProxy((socket) => void socket.pause());
    const client = await dial(proxy);
    let sent = 0;
    const chunk = Buffer.alloc(1024 * 1024);
    while (sent < 256 && client.write(chunk)) sent += 1;
    await sleep(500);
    expect(proxy.bytesToTarget).toBeLessThan(64 * 1024 * 1024);
    while (sent < 256) {
      sent += 1;
      client.write(chunk);
    }
    await sleep(500);
    expect(proxy.bytesToTarget).toBeLessThan(64 * 1024 * 1024);
    expect(client.writableLength).toBeGreaterThan(64 * 1024 * 1024);
  });
});

describe('delay', () => {
  test('a round trip takes twice the delay', async () => {
    const { proxy } = await behindProxy(echo, { delayMs: 50 });
    const client = await dial(proxy);
    const started = performance.now();
    client.write('ping');
    const [answer] = await once(client, 'data');
    const took = performance.now() - started;
    expect(String(answer)).toBe('ping');
    expect(took).toBeGreaterThanOrEqual(99);
    expect(took).toBeLessThan(300);
  });

  test('many chunks are under way at once, in order', async () => {
    const { proxy } = await behindProxy(echo, { delayMs: 100 });
    const payload = randomBytes(32 * 1024 * 1024);
    const client = await dial(proxy);
    const started = performance.now();
    client.end(payload);
    const { bytes, sha256 } = await digest(client);
    expect(bytes).toBe(payload.length);
    expect(sha256).toBe(createHash('sha256').update(payload).digest('hex'));
    // one chunk of 64 KiB per delay would take 50 s
    expect(performance.now() - started).toBeLessThan(5000);
  });
});

describe('cut', () => {
  test('resets both sides of the current connections; a new one passes', async () => {
    const { proxy, far } = await behindProxy(echo);
    const client = await dial(proxy);
    client.write('x');
    await once(client, 'data');
    const farError = once(far[0] as Socket, 'error');
    const error = once(client, 'error');
    proxy.cut();
    expect((await error)[0]).toMatchObject({ code: 'ECONNRESET' });
    expect((await farError)[0]).toMatchObject({ code: 'ECONNRESET' });
    expect(proxy.connections).toBe(0);

    const again = await dial(proxy);
    again.write('y');
    expect(String((await once(again, 'data'))[0])).toBe('y');
  });
});

describe('blackhole', () => {
  test('drops bytes both ways and leaves the sockets open; a new connection passes', async () => {
    const { proxy, far } = await behindProxy(echo);
    const client = await dial(proxy);
    client.write('x');
    await once(client, 'data');
    const seen: string[] = [];
    client.on('data', (data) => seen.push(`client ${String(data)}`));
    client.on('close', () => seen.push('client closed'));
    const server = far[0] as Socket;
    server.on('data', (data) => seen.push(`server ${String(data)}`));
    server.on('end', () => seen.push('server end'));
    server.on('close', () => seen.push('server closed'));

    proxy.blackhole();
    client.write('lost');
    server.write('lost too');
    const again = await dial(proxy);
    again.write('y');
    expect(String((await once(again, 'data'))[0])).toBe('y');
    await sleep(200);
    expect(seen).toEqual([]);
    expect(proxy.bytesToTarget).toBe(2);
  });

  test('drops what is under way', async () => {
    const { proxy, far } = await behindProxy(() => undefined, { delayMs: 100 });
    const client = await dial(proxy);
    client.write('late');
    await sleep(20);
    proxy.blackhole();
    await sleep(200);
    expect(far[0]?.bytesRead).toBe(0);
  });

  test('the target does not learn that the client has gone, until the connection is cut', async () => {
    const { proxy, far } = await behindProxy(echo);
    const client = await dial(proxy);
    client.write('x');
    await once(client, 'data');
    const server = far[0] as Socket;
    const seen: string[] = [];
    for (const event of ['end', 'error', 'close']) server.on(event, () => seen.push(event));
    proxy.blackhole();
    client.resetAndDestroy();
    await sleep(200);
    expect(seen).toEqual([]);
    const closed = new Promise((resolve) => server.once('close', resolve));
    proxy.cut();
    await closed;
    expect(seen).toContain('error');
  });
});
