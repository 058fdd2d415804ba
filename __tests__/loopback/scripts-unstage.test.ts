import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Machine, shells } from './scripts';

describe.each(shells)('unstage.sh under %s', (shell) => {
  let machine: Machine;
  beforeEach(() => {
    machine = new Machine(shell);
  });
  afterEach(() => machine.remove());

  const unstage = () => machine.run('unstage.sh');
  const record = () => machine.path('/run/nixos-anywhere/staging');
  const silent = { code: 0, stdout: '', stderr: '' };

  async function until(what: () => boolean): Promise<void> {
    for (const end = performance.now() + 15_000; !what(); ) {
      if (performance.now() > end) throw new Error('waited 15 s in vain');
      await sleep(20);
    }
  }

  /** A process with all that it has started, by number. */
  function family(pid: number): number[] {
    const rows = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n');
    const pairs = rows.map((row) => row.trim().split(/ +/).map(Number));
    const of = (parent: number): number[] => [
      parent,
      ...pairs.flatMap(([child = 0, its]) => (its === parent ? of(child) : [])),
    ];
    return of(pid);
  }

  test('is content where nothing was staged', () => {
    expect(unstage()).toEqual(silent);
    expect(existsSync(machine.path('/run/nixos-anywhere'))).toBe(false);
  });

  test('removes the image, and leaves alone what is not its own', () => {
    mkdirSync(machine.path('/tmp/kexec'));
    for (const name of ['run', 'kexec', 'ip', 'bzImage', 'initrd'])
      writeFileSync(machine.path(`/tmp/kexec/${name}`), name);
    const input = execFileSync('tar', ['-cC', machine.path('/tmp'), 'kexec']);
    expect(machine.run('stage.sh', [], { input }).code).toBe(0);
    expect(unstage()).toEqual(silent);
    expect(readdirSync(machine.path('/root'))).toEqual([]);
    expect(machine.run('stage.sh', [], { input }).code).toBe(0);
    writeFileSync(machine.path('/root/nixos-anywhere/mine'), '');
    expect(unstage()).toEqual(silent);
    expect(readdirSync(machine.path('/root/nixos-anywhere'))).toEqual(['mine']);
    expect(unstage()).toEqual(silent);
  });

  test('ends a staging whose client is silent, with all that it has started', async () => {
    const staging = machine.start('stage.sh', [], { holdInput: true });
    const image = execFileSync('sh', ['-c', 'head -c 3000000 /dev/urandom >big; tar -c big'], {
      cwd: machine.path('/tmp'),
      maxBuffer: 1 << 24,
    });
    staging.child.stdin?.write(image.subarray(0, 1_000_000));
    await until(() => existsSync(machine.path('/root/nixos-anywhere/image/big')));
    const processes = family(staging.child.pid ?? 0);
    expect(processes.length).toBeGreaterThan(3);
    expect(unstage()).toEqual(silent);
    await staging.ended;
    await until(() => processes.every((pid) => !existsSync(`/proc/${pid}`)));
    expect(readdirSync(machine.path('/root'))).toEqual([]);
  });

  test('ends a download', async () => {
    let closed = false;
    const server = createServer((_, response) => {
      response.write(Buffer.alloc(100_000, 'x'));
      response.on('close', () => {
        closed = true;
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const staging = machine.start('stage.sh', [`http://127.0.0.1:${port}/image`]);
    await until(() => existsSync(machine.path('/root/nixos-anywhere/image/.staging/head')));
    expect(unstage()).toEqual(silent);
    await staging.ended;
    await until(() => closed);
    await new Promise((resolve) => server.close(resolve));
  });

  test('kills nobody who got the number of a process that is gone', () => {
    mkdirSync(machine.path('/run/nixos-anywhere'), { recursive: true });
    mkdirSync(machine.path('/root/nixos-anywhere/image'), { recursive: true });
    writeFileSync(record(), `${process.pid} 12345 /root/nixos-anywhere\n`);
    expect(unstage()).toEqual(silent);
    expect(existsSync(record())).toBe(false);
    expect(readFileSync(`/proc/${process.pid}/stat`, 'utf8')).not.toBe('');
    expect(readdirSync(machine.path('/root'))).toEqual([]);
  });
});
