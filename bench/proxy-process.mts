// proxy-process.mts PORT DELAY_MS: the testbed's proxy in a process of its own, so that its work and its memory are
// not counted as the bridge's. Prints the port to connect to, and what passed when standard input ends.
import { FaultProxy } from '../testbed/proxy.mts';

const [port, delayMs] = process.argv.slice(2).map(Number);
const proxy = await FaultProxy.listen({ host: '127.0.0.1', port: port ?? 0 }, { delayMs: delayMs ?? 0 });
console.log(JSON.stringify({ port: proxy.port }));
process.stdin.resume().once('end', () => {
  const { bytesToTarget, bytesFromTarget } = proxy;
  console.log(JSON.stringify({ bytesToTarget, bytesFromTarget }));
  process.exit();
});
