import { quote } from './quote';

/** A shell script of src/scripts/. */
export interface Script {
  /** For messages. */
  readonly name: string;
  readonly text: string;
  /** Whether it may simply be run again when the connection was lost before its answer came. */
  readonly repeatable: boolean;
}

/** How a command becomes root; only the third takes a password. */
export type Privilege = 'none' | 'sudo' | 'sudo-with-password' | 'doas';

export interface RemoteCommand {
  /** For the login shell of the user, whichever it is: short, without values in it. */
  readonly line: string;
  /** The first bytes of standard input; what follows them is the script's own standard input. */
  readonly preamble: Buffer;
  /** Whether sudo asks for a password before it takes the preamble. */
  readonly asksPassword: boolean;
}

/** What sudo says on standard error, without a line end, when it wants the password. */
export const passwordPrompt = 'nixos-anywhere-action: the password of this user, please: ';
/** What standard output says when it is a shell of root's that reads on. */
export const enteredLine = 'nixos-anywhere-action: entered';

/** sudo has messages in many languages, and what it says is what is known of why it refuses. */
const inEnglish = 'env LC_ALL=C ';
const become: Record<Privilege, string> = {
  none: '',
  sudo: `${inEnglish}sudo -n `,
  // -k: it asks, however short ago it did; and it remembers nothing for others
  'sudo-with-password': `${inEnglish}sudo -k -S -p '${passwordPrompt}' `,
  doas: 'doas -n ',
};
/** In two pieces, so that a shell that shows its commands does not seem to have said it. */
const announce = enteredLine.replace(': ', ':" "');

/**
 * How a script gets to the target: over standard input, so that neither its text nor its arguments stand in an
 * argument list, and so that no login shell (fish and csh quote differently) ever parses it. `dd bs=1` reads exactly
 * the script and not one byte of what comes after it.
 *
 * Before the script's first output a line with `marker` is printed: what comes before it is the noise of banners
 * and rc files.
 *
 * Where sudo asks for a password, that comes before the preamble, and only when it asks: sudo would take a script that
 * follows a wrong password for the next try, and the shell a password that nobody asked for as the script's first line.
 */
export function remoteCommand(
  script: Script,
  args: readonly string[],
  privilege: Privilege,
  marker: string,
): RemoteCommand {
  const preamble = Buffer.from(
    [
      // an unprivileged user's PATH often lacks the administrator's programs
      'PATH="$PATH:/run/current-system/sw/bin:/usr/sbin:/sbin:/usr/bin:/bin"; export PATH',
      'LC_ALL=C; export LC_ALL',
      `set -- ${args.map(quote).join(' ')}`,
      `printf '\\n%s\\n' ${quote(marker)}`,
      script.text,
    ].join('\n'),
  );
  const asksPassword = privilege === 'sudo-with-password';
  const before = asksPassword ? `echo ${announce}; ` : '';
  const line = `exec ${become[privilege]}sh -c '${before}eval "$(dd bs=1 count=${preamble.length} 2>/dev/null)"'`;
  return { line, preamble, asksPassword };
}

/** An rc file that prints without end must not fill the memory: only the last of it is kept. */
const keptNoise = 64 * 1024;

/** Cuts off what was printed before the marker's line. */
export class MarkerFilter {
  readonly #line: Buffer;
  readonly #forward: (bytes: Buffer) => void;
  #noise = Buffer.alloc(0);
  #seen = false;

  constructor(marker: string, forward: (bytes: Buffer) => void) {
    this.#line = Buffer.from(`\n${marker}\n`);
    this.#forward = forward;
  }

  get seen(): boolean {
    return this.#seen;
  }

  /** What was printed instead of, or before, the marker. */
  get noise(): string {
    return this.#noise.toString('utf8');
  }

  push(bytes: Buffer): void {
    if (this.#seen) {
      this.#forward(bytes);
      return;
    }
    this.#noise = Buffer.concat([this.#noise, bytes]);
    const at = this.#noise.indexOf(this.#line);
    if (at < 0) {
      this.#noise = this.#noise.subarray(-keptNoise);
      return;
    }
    this.#seen = true;
    const rest = this.#noise.subarray(at + this.#line.length);
    this.#noise = this.#noise.subarray(0, at);
    if (rest.length > 0) this.#forward(rest);
  }
}
