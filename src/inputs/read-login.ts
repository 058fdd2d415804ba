import { makeKey, type UsableKey } from '../ssh/private-key';
import type { InputReader } from './input-reader';
import { readKey } from './read-key';
import { readPassword } from './read-secret';
import type { LoginSettings } from './settings';
import type { InputName } from './table';

/** What stands for an input that is not given; the second is what nixos-anywhere calls it, the third what people write. */
const keyVariable = 'SSH_PRIVATE_KEY';
const passwordVariables = ['SSHPASS', 'SSH_PASS'] as const;
const agentVariable = 'SSH_AUTH_SOCK';

/** Stands in until the problems are thrown. */
const noKey: UsableKey = { privateKey: '', publicKey: { type: '', base64: '' } };

/** How one logs in until the machine is reinstalled. */
export function readLogin(reader: InputReader, kind: 'plan' | 'install'): LoginSettings {
  const given = readKey(reader, 'ssh-private-key', {
    file: 'ssh-private-key-file',
    variable: keyVariable,
  });
  const password = readPassword(reader, 'ssh-password', passwordVariables);
  const sudoPassword = readPassword(reader, 'sudo-password');
  const agentSocket = isGiven(reader) ? undefined : reader.variable(agentVariable);
  if (!isGiven(reader) && agentSocket === undefined)
    reader.problem(
      'ssh-private-key',
      `is required, unless one logs in in another way; give the contents of the private key, from a secret, or ssh-private-key-file, ssh-password, or an ssh-agent (${agentVariable}); ${whyEmpty(kind)}`,
    );
  const key = given ?? (password !== undefined || agentSocket !== undefined ? makeKey() : noKey);
  return {
    privateKey: reader.secrets.register(key.privateKey),
    publicKey: key.publicKey,
    keyIsGiven: given !== undefined,
    agentSocket,
    password,
    sudoPassword: sudoPassword ?? password,
  };
}

/** What is not there is an empty text on GitHub, be it a name that was mistyped when the workflow was started. */
function whyEmpty(kind: 'plan' | 'install'): string {
  const elsewhere = 'a secret is empty where the environment of the job has none of that name';
  if (kind === 'install') return elsewhere;
  return `${elsewhere}, and in a pull request from a fork (plan: offline needs neither a key nor a machine)`;
}

/** Whether there is a way in, be it one that has a problem: then nobody needs to hear that there is none. */
function isGiven(reader: InputReader): boolean {
  const inputs: readonly InputName[] = ['ssh-private-key', 'ssh-private-key-file', 'ssh-password'];
  return (
    inputs.some((input) => reader.text(input) !== undefined || reader.hasProblem(input)) ||
    [keyVariable, ...passwordVariables].some((name) => reader.variable(name) !== undefined)
  );
}
