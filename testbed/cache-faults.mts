// Ways in which GitHub's cache service, or what lies between it and the runner, fails.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

export type Fault =
  /** Takes the request and says nothing. */
  | { readonly kind: 'hang' }
  /** Answers as it should, but that many milliseconds later. */
  | { readonly kind: 'slow'; readonly ms: number }
  /** Closes the connection after that many bytes: of the request if there are as many, else of the answer. */
  | { readonly kind: 'break'; readonly bytes: number }
  /** Stops after that many bytes of the answer, and keeps the connection. */
  | { readonly kind: 'stall'; readonly bytes: number }
  /** Answers this; the text may be made of the address that was asked for. */
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly body: string | ((address: string) => string);
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** Says that the entry has another key. */
  | { readonly kind: 'rename'; readonly key: string };

/**
 * Has the request fail, as far as that is before the answer.
 *
 * @returns whether it is over
 */
export async function failBefore(
  fault: Fault | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  switch (fault?.kind) {
    case 'hang':
      request.resume();
      return true;
    case 'slow':
      await sleep(fault.ms);
      return false;
    case 'break':
      return breakRequest(request, fault.bytes);
    case 'answer':
      await drain(request);
      response.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers });
      response.end(typeof fault.body === 'string' ? fault.body : fault.body(addressOf(request)));
      return true;
    default:
      return false;
  }
}

/** Sends the body of an answer, or as much of it as the fault lets through. */
export function sendBody(fault: Fault | undefined, response: ServerResponse, body: Buffer): void {
  if (fault?.kind === 'break')
    response.write(body.subarray(0, fault.bytes), () => response.socket?.destroy());
  else if (fault?.kind === 'stall') response.write(body.subarray(0, fault.bytes));
  else response.end(body);
}

/** A request without so large a body fails by its answer. */
async function breakRequest(request: IncomingMessage, bytes: number): Promise<boolean> {
  if (Number(request.headers['content-length'] ?? 0) <= bytes) return false;
  let read = 0;
  for await (const chunk of request) {
    read += (chunk as Buffer).length;
    if (read >= bytes) break;
  }
  request.socket.destroy();
  return true;
}

async function drain(request: IncomingMessage): Promise<void> {
  for await (const _ of request);
}

function addressOf({ url = '', headers }: IncomingMessage): string {
  return url.startsWith('http') ? url : `http://${headers.host}${url}`;
}
