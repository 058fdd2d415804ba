// Free ports on loopback for servers that must be told theirs.
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Below the range from which outgoing connections get theirs: one of those could take the port before the server does. */
const LOWEST = 20_000;
const HIGHEST = 32_000;

/** Those of this process, in use or not yet: of some dozens that are drawn at random, two are often the same. */
const givenOut = new Set<number>();

/** A port that was free a moment ago; chosen at random, so that two processes that ask at the same time get two. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(LOWEST, HIGHEST);
    if (givenOut.has(port)) continue;
    givenOut.add(port);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
