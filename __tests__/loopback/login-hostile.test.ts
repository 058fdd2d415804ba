// Servers that ask for other things than a password, or for too much; no real one can be made to.
import {
  type AuthContext,
  type Connection,
  type KeyboardAuthContext,
  type PasswordAuthContext,
  Server,
} from 'ssh2';
import { describe, expect } from 'vitest';
import { failureOf } from '../../src/report/report';
import { Progress } from '../../src/report/result';
import { SecretRegistry } from '../../src/secrets';
import { HostKeyTrust } from '../../src/ssh/host-key-trust';
import { makeKey } from '../../src/ssh/private-key';
import { Target } from '../../src/ssh/target';
import { atEnd, test, testEach } from '../support/concurrent';
import { failure, testRuntime } from '../support/runtime';

const password = 'the password itself';

/** A server that offers one method, and does this when that is tried; returns what is to be connected to. */
async function serve(
  method: 'keyboard-interactive' | 'password',
  onTry: (context: AuthContext, client: Connection) => void,
) {
  const server = new Server({ hostKeys: [makeKey().privateKey] }, (client) => {
    client.on('error', () => undefined);
    client.on('authentication', (context) => {
      if (context.method === method) onTry(context, client);
      else context.reject([method]);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(() => void server.close());
  const { port } = server.address() as { port: number };
  const target = new Target(
    {
      endpoint: { host: '127.0.0.1', port, user: 'guest' },
      login: { password },
      trust: HostKeyTrust.firstSeen(),
      connectMs: 10_000,
      idleMs: 10_000,
    },
    testRuntime(),
  );
  atEnd(() => target.close());
  return target;
}

type Question = { prompt: string; echo: boolean };

/** Asks one round of questions after the other, and keeps the answers. */
async function ask(rounds: Question[][], title = '', instructions = '') {
  const answers: string[] = [];
  const target = await serve('keyboard-interactive', (context) => {
    const next = (left: Question[][]): void => {
      const [questions, ...others] = left;
      if (questions === undefined) context.reject();
      else
        (context as KeyboardAuthContext).prompt(questions, title, instructions, (given) => {
          answers.push(...given);
          next(others);
        });
    };
    next(rounds);
  });
  const error = await failure(target.connect());
  return { answers, error };
}

describe('a question', () => {
  testEach<string, Question[]>([
    ['for a code', [{ prompt: 'Verification code: ', echo: false }]],
    ['for a one-time password', [{ prompt: 'One-time password (OATH) for `guest`: ', echo: false }]],
    ['that shows the answer', [{ prompt: 'Password: ', echo: true }]],
    [
      'with another one',
      [
        { prompt: 'Password: ', echo: false },
        { prompt: 'Code: ', echo: false },
      ],
    ],
    ['for a new password', [{ prompt: 'Enter new UNIX password: ', echo: false }]],
    ['without words', [{ prompt: '', echo: false }]],
  ])('%s is not answered', async (_, questions) => {
    const { answers, error } = await ask([questions]);
    expect(answers).toEqual([]);
    expect(error).toMatchObject({ reason: 'authentication', hint: expect.stringContaining('by hand') });
    expect(error.message).toMatch(/^guest@127\.0\.0\.1:\d+ asks for something else than the password$/);
  });

  testEach([
    ['Password: '],
    ['guest@new.example.org’s password:'],
    ['Passwort: '],
    ['Mot de passe : '],
    ['密码：'],
  ])('%s is answered once', async (prompt) => {
    const round = [{ prompt, echo: false }];
    const { answers, error } = await ask([round, [], round, round]);
    expect(answers).toEqual([password]);
    expect(error.message).toContain('asks for something else');
  });

  test('that is hostile is quoted harmlessly, and not in the message', async () => {
    const hostile = '::set-output name=x::y\n##[add-mask]a\u001b[2J\u0007';
    const { answers, error } = await ask([[{ prompt: `${hostile} code`, echo: false }]], hostile, hostile);
    expect(answers).toEqual([]);
    expect(error.message).not.toContain('set-output');
    const { lastLines } = failureOf(error, new Progress(), new SecretRegistry(() => undefined));
    expect(lastLines.length).toBeGreaterThan(2);
    for (const line of lastLines) {
      expect(line).not.toMatch(/^\s*::|##\[/);
      expect(line).not.toMatch(/\p{Cc}/u);
    }
  });
});

test('a password that is to be changed is named, and no new one is set', async () => {
  const changes: string[] = [];
  const target = await serve('password', (context) =>
    (context as PasswordAuthContext).requestChange('Your password has expired.', (changed) =>
      changes.push(changed),
    ),
  );
  const error = await failure(target.connect());
  expect(error).toMatchObject({ reason: 'authentication', lastLines: ['Your password has expired.'] });
  expect(error.message).toContain('wants the password to be changed first');
  expect(changes).toEqual([]);
});

test('a server that hangs up on a password does not get it again', async () => {
  let tries = 0;
  const target = await serve('password', (_, client) => {
    tries++;
    client.end();
  });
  const error = await failure(target.connect());
  expect(error).toMatchObject({ reason: 'authentication' });
  expect(error.message).toMatch(/refused the password$/);
  expect(tries).toBe(1);
});
