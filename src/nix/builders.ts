import { readFile } from 'node:fs/promises';
import type { NixSettings } from './settings';

/**
 * The systems that a Nix builds for: its own, those that it runs besides (32 bit, an emulator that `extra-platforms`
 * names), and those of its remote builders.
 */
export async function builtSystems(settings: NixSettings): Promise<readonly string[]> {
  const { system, extraPlatforms, builders } = settings;
  const remote = systemsOfBuilders(await resolveFiles(builders), system);
  return [...new Set([system, ...extraPlatforms, ...remote])];
}

export async function hasRemoteBuilders({ builders }: NixSettings): Promise<boolean> {
  return machinesOf(await resolveFiles(builders)).length > 0;
}

/**
 * Reads the setting `builders` (machines.cc of Nix): machines separated by line ends or semicolons, each with URI,
 * systems, key, jobs, speed, supported and mandatory features. Without systems a machine is taken for one like this.
 */
export function systemsOfBuilders(text: string, own: string): string[] {
  return machinesOf(text).flatMap((machine) => {
    const [, systems = '-', , , , , mandatory = '-'] = machine.split(/\s+/);
    // it takes only what asks for these features, as most derivations do not
    if (mandatory !== '-') return [];
    return systems === '-' ? [own] : systems.split(',').filter((system) => system !== '');
  });
}

function machinesOf(text: string): string[] {
  return text
    .split(/\r?\n/)
    .flatMap((line) => line.replace(/#.*/, '').split(';'))
    .map((machine) => machine.trim())
    .filter((machine) => machine !== '');
}

/** `@FILE` stands for the machines in a file; one that is not there, as by default, holds none. */
async function resolveFiles(text: string): Promise<string> {
  const machines = machinesOf(text).map(async (machine) =>
    machine.startsWith('@') ? readFile(machine.slice(1).trim(), 'utf8').catch(() => '') : machine,
  );
  return (await Promise.all(machines)).join('\n');
}
