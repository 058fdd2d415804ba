import { createHash } from 'node:crypto';
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { Secret } from '../secrets';
import type { Parsed, Parser } from './parsers';
import { parseLines } from './path-lines';

/** The phases that hooks can be at the beginning and the end of. */
export const hookedPhases = [
  'build',
  'kexec',
  'hardware-config',
  'disko',
  'install',
  'update',
  'reboot',
  'verify',
] as const;

/** A program of the user's at the beginning or the end of a phase. */
export interface Hook {
  readonly when: 'before' | 'after';
  readonly phase: (typeof hookedPhases)[number];
  /** Started on the runner as a program, or sent to the target and run there by sh as root. */
  readonly where: 'runner' | 'target';
  /** On the runner, as it was given. */
  readonly path: string;
  /** Not to be shown: nobody knows what is in it. */
  readonly text: Secret;
  readonly sha256: string;
}

const form = 'WHEN WHERE SCRIPT, as in after-disko target ./hooks/mount.sh';
const largest = 1024 * 1024;

/** When nothing of ours can run on the target, and why. */
const unreachable: Readonly<Record<string, string>> = {
  'before-build': 'what an earlier run left running there is waited for in the build; take after-build',
  'after-reboot': 'which is going down then; take before-reboot or after-verify',
  'before-verify': 'which is going down then; take before-reboot or after-verify',
};

/** One `WHEN WHERE SCRIPT` a line; the script, a path on the runner, is the rest of the line. */
export const hooks: Parser<readonly Hook[]> = (text) =>
  parseLines(
    text,
    parseLine,
    ({ when, phase, where, path }) => `${when}-${phase} ${where} ${path}`,
    'names no hook',
  );

function parseLine(line: string): Hook | string {
  const [moment = '', where = '', ...rest] = line.split(/\s+/);
  const path = line.replace(/^\S+\s+\S+\s*/, '');
  const [, when, name] = /^(before|after)-(.+)$/.exec(moment) ?? [];
  const phase = hookedPhases.find((each) => each === name);
  if ((when !== 'before' && when !== 'after') || phase === undefined)
    return `begins with no moment; write ${form}: before- or after- and one of ${hookedPhases.join(', ')}`;
  if (where !== 'runner' && where !== 'target') return `does not say where; write ${form}: runner or target`;
  if (rest.length === 0) return `names no script; write ${form}`;
  const why = where === 'target' ? unreachable[moment] : undefined;
  if (why !== undefined) return `has ${moment} on the target: ${why}`;
  const script = readScript(path, where);
  if ('problem' in script) return `has ${path}, which ${script.problem}`;
  const sha256 = createHash('sha256').update(script.ok).digest('hex');
  return { when, phase, where, path, text: new Secret(script.ok), sha256 };
}

function readScript(path: string, where: Hook['where']): Parsed<Buffer> {
  try {
    const found = statSync(path);
    if (found.isDirectory()) return { problem: 'is a folder' };
    if (!found.isFile()) return { problem: 'is no file' };
    if (found.size > largest) return { problem: 'is larger than 1 MiB' };
    const bytes = readFileSync(path);
    if (bytes.toString('latin1').trim() === '') return { problem: 'is empty' };
    return where === 'target' ? forTarget(bytes) : forRunner(path, bytes);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return {
      problem:
        code === 'ENOENT' ? 'does not exist on the runner' : `cannot be read (${code ?? 'unknown reason'})`,
    };
  }
}

function forRunner(path: string, bytes: Buffer): Parsed<Buffer> {
  try {
    accessSync(path, constants.X_OK);
    return { ok: bytes };
  } catch {
    return { problem: 'is not executable; run chmod +x on it, and commit that' };
  }
}

/** Nobody reads the first line there. */
function forTarget(bytes: Buffer): Parsed<Buffer> {
  const [line = ''] = bytes.toString('latin1').split(/\r?\n/, 1);
  if (bytes.includes(0)) return { problem: 'is a binary; write a shell script for the target' };
  if (line.startsWith('#!') && !/^#!\s*(\/usr\/bin\/env\s+|\S*\/)sh\b/.test(line))
    return { problem: `begins with ${line}, but is run by sh on the target; write it for sh` };
  return bytes.includes('\r\n')
    ? { problem: 'has Windows line ends, which sh does not understand; save it with LF' }
    : { ok: bytes };
}
