// What is sent when, whatever sudo and the shell around it say; with the real ones it is done in loopback/sudo.
import { EventEmitter } from 'node:events';
import fc from 'fast-check';
import type { ClientChannel } from 'ssh2';
import { describe, expect, test } from 'vitest';
import { Entrance } from '../../src/ssh/entrance';
import { enteredLine, type Privilege, passwordPrompt, remoteCommand } from '../../src/ssh/remote-command';
import { chunked } from './support';

/** Takes what is written, and notes the end. */
class FakeChannel extends EventEmitter {
  readonly sent: string[] = [];
  write(data: string | Buffer): boolean {
    this.sent.push(data.toString());
    return true;
  }
  end(): void {
    this.sent.push('(end)');
  }
}

function enter(privilege: Privilege = 'sudo-with-password') {
  const channel = new FakeChannel();
  const script = { name: 'test.sh', text: 'the script', repeatable: true };
  const command = remoteCommand(script, [], privilege, 'marker');
  const entrance = new Entrance(channel as unknown as ClientChannel, command, 'hunter2', () =>
    channel.sent.push('(entered)'),
  );
  const sent = () => channel.sent.map((text) => (text.includes('the script') ? 'script' : text));
  const hear = (bytes: string | Buffer) => entrance.seeErrors(Buffer.from(bytes)).toString();
  const enters = () => entrance.seeOutput(Buffer.from(`noise\n${enteredLine}\n`));
  return { entrance, sent, hear, enters };
}

describe('a script', () => {
  test.each(['none', 'sudo', 'doas'] as const)('goes its way at once with %s', (privilege) => {
    const { sent, hear } = enter(privilege);
    expect(sent()).toEqual(['script', '(entered)']);
    expect(hear(passwordPrompt)).toBe(passwordPrompt);
  });

  test('waits until it is let in, and follows without a password that nobody asked for', () => {
    const { sent, hear, enters } = enter();
    expect(sent()).toEqual([]);
    enters();
    expect(sent()).toEqual(['script', '(entered)']);
    enters();
    expect(hear(`its own words ${passwordPrompt}`)).toContain('its own words');
    expect(sent()).toEqual(['script', '(entered)']);
  });

  test.each([
    ['sudo', passwordPrompt],
    ['sudo, after a lecture', `We trust you have received the usual lecture.\n\n${passwordPrompt}`],
    // src/pam/converse.rs of sudo-rs 0.2.14
    ['sudo-rs', `[sudo: ${passwordPrompt}] Password: `],
    [
      'a shell that shows its commands, then sudo',
      `+ exec sudo -k -S -p '${passwordPrompt}' sh\n${passwordPrompt}`,
    ],
  ])('follows the password that %s asks for, however the bytes come', (_, said) => {
    fc.assert(
      fc.property(chunked(fc.constant(Buffer.from(said))), (chunks) => {
        // a shell says a command in one piece
        fc.pre(!said.startsWith('+') || chunks.length === 1);
        const { entrance, sent, hear, enters } = enter();
        for (const chunk of chunks) expect(hear(chunk)).toBe('');
        expect(sent()).toEqual(['hunter2\n']);
        enters();
        expect(sent()).toEqual(['hunter2\n', 'script', '(entered)']);
        expect(entrance.complaints).toEqual([]);
      }),
      { numRuns: 50, maxSkipsPerRun: 1000 },
    );
  });

  test('is not sent where the password is asked for again', () => {
    const { entrance, sent, hear } = enter();
    hear(passwordPrompt);
    hear(`Sorry, try again.\n${passwordPrompt}`);
    expect(sent()).toEqual(['hunter2\n', '(end)']);
    hear('sudo: 1 incorrect password attempt\n');
    expect(entrance.complaints).toEqual(['Sorry, try again.', 'sudo: 1 incorrect password attempt']);
  });

  test('is not sent to a shell that only shows its commands', () => {
    const { sent, hear, entrance } = enter();
    const { line } = remoteCommand({ name: '', text: '', repeatable: true }, [], 'sudo-with-password', '');
    hear(`+ ${line}\n`);
    entrance.seeOutput(Buffer.from(`${line}\n`));
    expect(sent()).toEqual([]);
  });

  test('leaves no memory full of noise', () => {
    const { entrance, hear, enters, sent } = enter();
    for (let i = 0; i < 200; i++) {
      hear('y\n'.repeat(10_000));
      entrance.seeOutput(Buffer.from('y\n'.repeat(10_000)));
    }
    expect(entrance.complaints.join('\n').length).toBeLessThan(100_000);
    enters();
    expect(sent()).toEqual(['script', '(entered)']);
  });
});
