import { type AnyAuthMethod, OpenSSHAgent, type Prompt } from 'ssh2';

/** What a user proves to be one with, and becomes root with. What is not given is not tried. */
export interface Login {
  /** The private key's text. */
  readonly privateKey?: string | undefined;
  /** The socket of an ssh-agent. */
  readonly agentSocket?: string | undefined;
  readonly password?: string | undefined;
  /** What sudo gets to hear where it asks for a password. */
  readonly sudoPassword?: string | undefined;
}

/** The ways to log in that an SSH server may offer. */
type Method = 'publickey' | 'password' | 'keyboard-interactive';

/** Something that can be tried, once, where the server offers one of its methods. */
interface Way {
  /** As in "refused …". */
  readonly name: string;
  readonly methods: readonly Method[];
  readonly start: (method: Method) => AnyAuthMethod;
}

export interface Failure {
  /** What happened, as what is said of the server: "refused the key". */
  readonly problem: string;
  readonly hint: string;
  /** What the server itself said: foreign text. */
  readonly said: readonly string[];
}

/** sshd ends a connection after six refusals (MaxAuthTries), and some servers bar who comes with many keys. */
const mostAgentKeys = 5;

/** A prompt for the password that one has, in the languages of servers; not one for a code, or for a new password. */
const asksPassword =
  /^(?!.*\b(new|retype|confirm)\s+(\w+\s+)?pass|.*\b(one[- ]time|otp|verification)\b).*(pass ?(word|wort|ord)|kennwort|mot de passe|contrase|senha|wachtwoord|hasło|heslo|jelszó|salasana|lösenord|parol|пароль|密码|密碼|パスワード|암호)/i;

/**
 * One login, in this order: key, agent, password. Each is tried once, and only if the server offers the method; a
 * password goes by `keyboard-interactive` where the server does not take it directly, as many do that use PAM.
 */
export class Authentication {
  readonly #user: string;
  readonly #login: Login;
  readonly #giveUp: () => void;
  readonly #ways: Way[];
  readonly #notOffered: Way[] = [];
  readonly #tried: Way[] = [];
  readonly #said: string[] = [];
  #offered: readonly string[] = [];
  #problem: string | undefined;
  #agentProblem: string | undefined;
  #agentKeys: number | undefined;
  #passwordIsUsed = false;

  /** @param giveUp called when the login cannot go on, though the server waits for an answer */
  constructor(user: string, login: Login, giveUp: () => void) {
    this.#user = user;
    this.#login = login;
    this.#giveUp = giveUp;
    this.#ways = this.#waysOf(login);
  }

  #waysOf({ privateKey, agentSocket, password }: Login): Way[] {
    const username = this.#user;
    const ways: Way[] = [];
    if (privateKey !== undefined)
      ways.push({
        name: 'the key',
        methods: ['publickey'],
        start: () => ({ type: 'publickey', username, key: privateKey }),
      });
    if (agentSocket !== undefined)
      ways.push({
        name: 'the keys of the ssh-agent',
        methods: ['publickey'],
        start: () => ({ type: 'agent', username, agent: this.#agent(agentSocket) }),
      });
    if (password !== undefined)
      ways.push({
        name: 'the password',
        methods: ['password', 'keyboard-interactive'],
        start: (method) => this.#withPassword(method, password),
      });
    return ways;
  }

  /** Decides how to go on. For ssh2's `authHandler`. */
  readonly next = (offered: readonly string[] | null): AnyAuthMethod | false => {
    // what the server offers is only known by asking for something; this costs no try
    if (offered === null) return { type: 'none', username: this.#user };
    this.#offered = offered;
    for (const way of this.#notOffered.splice(0)) this.#ways.push(way);
    for (let way = this.#ways.shift(); way !== undefined; way = this.#ways.shift()) {
      const method = way.methods.find((each) => offered.includes(each));
      if (method === undefined) {
        // a server that wants two ways offers the second one after the first
        this.#notOffered.push(way);
        continue;
      }
      this.#tried.push(way);
      return way.start(method);
    }
    return false;
  };

  /** Whoever ends the connection then may have counted a try; the same must not be sent again and again. */
  get passwordWasSent(): boolean {
    return this.#passwordIsUsed;
  }

  /** The agent failed; what else there is, is tried all the same. */
  agentFailed(message: string): void {
    this.#agentProblem = message;
  }

  /** The server wants another password to be set first. */
  readonly passwordExpired = (prompt: string): void => {
    this.#problem = 'wants the password to be changed first: it has expired';
    this.#said.push(prompt);
    this.#giveUp();
  };

  /** Why the login failed. */
  failure(): Failure {
    return {
      problem: this.#problem ?? this.#refusal(),
      hint: this.#hints().join('; '),
      said: this.#said.flatMap((text) => text.split('\n')).filter((line) => line.trim() !== ''),
    };
  }

  #refusal(): string {
    if (this.#offered.length === 0)
      return `refused ${listOf([...this.#tried, ...this.#notOffered])}: it offers no way to log in`;
    const parts: string[] = [];
    if (this.#tried.length > 0) parts.push(`refused ${listOf(this.#tried)}`);
    if (this.#notOffered.length > 0)
      parts.push(
        `does not let ${this.#user} in by ${listOf(this.#notOffered)}, only by ${this.#offered.join(', ')}`,
      );
    return parts.join('; it ');
  }

  #hints(): string[] {
    const hints: string[] = [];
    const { privateKey, agentSocket, password } = this.#login;
    if (privateKey !== undefined)
      hints.push(
        "check that the public half of ssh-private-key stands in the authorized_keys of that user, the user name in target-host, and sshd's PermitRootLogin",
      );
    if (agentSocket !== undefined) hints.push(this.#agentHint());
    if (password !== undefined)
      hints.push(
        this.#problem === undefined
          ? 'check ssh-password and the user name in target-host; root is let in by password only where sshd has PermitRootLogin yes, and nobody where it has PasswordAuthentication no: log in as a user who may use sudo, or with a key'
          : 'only a question for the password is answered: give a key, or log in by hand and see what the machine wants (a password that has expired is to be changed there)',
      );
    return hints;
  }

  #agentHint(): string {
    const which = 'load the key of the machine with ssh-add, or give it as ssh-private-key';
    if (this.#agentProblem !== undefined)
      return `the ssh-agent at SSH_AUTH_SOCK failed (${this.#agentProblem}): ${which}`;
    if (this.#agentKeys === 0) return `the ssh-agent has no key that can be used: ${which}`;
    if ((this.#agentKeys ?? 0) > mostAgentKeys)
      return `the ssh-agent has ${this.#agentKeys} keys, of which only the first ${mostAgentKeys} are offered: ${which}`;
    return `check that the public half of a key of the ssh-agent stands in the authorized_keys of that user: ${which}`;
  }

  #agent(socket: string): OpenSSHAgent {
    return new FewKeys(socket, (count) => {
      this.#agentKeys = count;
    });
  }

  #withPassword(method: Method, password: string): AnyAuthMethod {
    const username = this.#user;
    if (method !== 'keyboard-interactive') {
      this.#passwordIsUsed = true;
      return { type: 'password', username, password };
    }
    return {
      type: 'keyboard-interactive',
      username,
      prompt: (name, instructions, _, prompts, finish) => {
        const [prompt] = prompts;
        if (prompts.length === 1 && prompt !== undefined && this.#isForPassword(prompt)) {
          this.#passwordIsUsed = true;
          finish([password]);
          return;
        }
        this.#problem = 'asks for something else than the password';
        this.#said.push(name, instructions, ...prompts.map((each) => each.prompt));
        this.#giveUp();
      },
    };
  }

  /** What is asked for openly is no password; and a second question is for another one. */
  #isForPassword({ prompt, echo }: Prompt): boolean {
    return echo !== true && !this.#passwordIsUsed && asksPassword.test(prompt);
  }
}

function listOf(ways: readonly Way[]): string {
  return ways.map(({ name }) => name).join(' and ');
}

/** An agent that shows the first of its keys only. */
class FewKeys extends OpenSSHAgent {
  readonly #onCount: (count: number) => void;

  constructor(socket: string, onCount: (count: number) => void) {
    super(socket);
    this.#onCount = onCount;
  }

  override getIdentities(callback: Parameters<OpenSSHAgent['getIdentities']>[0]): void {
    super.getIdentities((error, keys) => {
      if (error || keys === undefined) return callback(error ?? new Error('no answer'));
      this.#onCount(keys.length);
      callback(undefined, keys.slice(0, mostAgentKeys));
    });
  }
}
