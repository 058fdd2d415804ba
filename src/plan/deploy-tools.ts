import { own } from '../checked-json';
import { showAttributePath } from '../inputs/attribute-path';
import type { Address } from '../inputs/host-data';
import expression from '../nix/deploy-tools.nix';
import type { Nix } from '../nix/nix';
import { nixString } from '../nix/nix-string';
import { evaluateOutput } from './flake-output';

/** What a flake may have for other tools, and where a host stands in it: the best first. */
const tools = {
  deploy: ['deploy', 'nodes'],
  colmenaHive: ['colmenaHive', 'nodes'],
  colmena: ['colmena'],
} as const satisfies Record<string, readonly string[]>;

export type DeployTool = keyof typeof tools;
export const deployTools: readonly DeployTool[] = ['deploy', 'colmenaHive', 'colmena'];

/**
 * How deploy-rs or colmena reach these hosts. Hosts that none of them knows are left out.
 *
 * @param from which outputs are looked at: one after the other, until all hosts are found
 * @throws NixError
 */
export async function readAddresses(
  uri: string,
  names: readonly string[],
  from: readonly DeployTool[],
  nix: Nix,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Address>> {
  const found = new Map<string, Address>();
  for (const tool of from) {
    const wanted = names.filter((name) => !found.has(name));
    if (wanted.length === 0) break;
    const answer = await ask(uri, tool, wanted, nix, signal);
    for (const name of wanted) {
      const address = addressIn(own(answer, name), placeOf(tool, name));
      if (address !== undefined) found.set(name, address);
    }
  }
  return found;
}

/** The hosts of the first tool that has any. @throws NixError */
export async function hostsOfTools(
  uri: string,
  nix: Nix,
  signal: AbortSignal,
): Promise<readonly { readonly name: string; readonly attribute: string }[]> {
  for (const tool of deployTools) {
    const names = await ask(uri, tool, null, nix, signal);
    if (Array.isArray(names) && names.length > 0)
      return names.map((name) => ({ name: String(name), attribute: placeOf(tool, String(name)) }));
  }
  return [];
}

function placeOf(tool: DeployTool, name: string): string {
  return showAttributePath([...tools[tool], name]);
}

function ask(
  uri: string,
  tool: DeployTool,
  names: readonly string[] | null,
  nix: Nix,
  signal: AbortSignal,
): Promise<unknown> {
  const request = nixString(JSON.stringify({ tool, names }));
  return evaluateOutput(uri, tool, `(${expression}) (builtins.fromJSON ${request})`, nix, signal);
}

function addressIn(answer: unknown, attribute: string): Address | undefined {
  const [host, user, port] = ['host', 'user', 'port'].map((name) => own(answer, name));
  if (typeof host !== 'string' || host.trim() === '') return undefined;
  const options = own(answer, 'options');
  const found = typeof port === 'number' ? String(port) : portIn(Array.isArray(options) ? options : []);
  return {
    attribute,
    inputs: {
      'target-host': typeof user === 'string' && user !== '' ? `${user}@${host}` : host,
      ...(found === undefined ? {} : { 'ssh-port': found }),
    },
  };
}

/** Of options for ssh the port, of which ssh takes the first one too: `-p 22`, `-p22`, `-o Port=22`. */
function portIn(options: readonly unknown[]): string | undefined {
  return /(?:^|\0)(?:-p|-o\s*\0?\s*port\s*[=\s])[\s\0]*(\d+)(?=\0|$)/i.exec(options.join('\0'))?.[1];
}
