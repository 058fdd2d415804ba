// On what was measured, and how much.
import { execFileSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { node24 } from './copy';

export function fromEnvironment(name: string, otherwise: number): number {
  const value = Number(process.env[name] || otherwise);
  if (!(value > 0)) throw new Error(`${name} has to be a positive number`);
  return value;
}

/** Remembers how busy the machine is now; what is returned describes it, as lines of a list. */
export function describeMachine(nix: Record<string, string>): () => readonly string[] {
  const before = loadavg();
  return () => {
    const output = (command: string, ...args: string[]) =>
      execFileSync(command, args, { env: { ...process.env, ...nix }, encoding: 'utf8' }).trim();
    const load = [before, loadavg()].map((averages) => averages[0]?.toFixed(1)).join(' before, ');
    return [
      `- ${new Date().toISOString().slice(0, 10)}, commit ${output('git', 'describe', '--always', '--dirty')}`,
      `- ${cpus().length} cores (${cpus()[0]?.model.trim()}), ${(totalmem() / 1e9).toFixed(0)} GB, Linux ${release()}`,
      `- ${output('nix', '--version')}, Node ${output(node24, '--version')}`,
      `- load average of a minute: ${load} after`,
      ...((before[0] ?? 0) > cpus().length / 4
        ? ['- **the machine was busy with other work: the ratios say more than the seconds**']
        : []),
    ];
  };
}
