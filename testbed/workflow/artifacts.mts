// actions/upload-artifact and actions/download-artifact: folders below one folder.
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { StepCall, StepEnd } from './step-call.mts';

/** Of version 7. One path without a pattern. */
export function uploadArtifact({ inputs, workspace, run }: StepCall): StepEnd {
  const {
    name,
    path,
    'if-no-files-found': missing = 'warn',
    overwrite = 'false',
  } = known(inputs, ['name', 'path', 'if-no-files-found', 'overwrite', 'retention-days']);
  if (name === undefined || path === undefined || /[*?[\]\n!]/.test(path))
    throw new Error(`this runner knows upload-artifact with a name and one path only, not ${path}`);
  if (/[":<>|*?\r\n\\/]/.test(name)) return failed(`the artifact name is not valid: ${name}`);
  const from = resolve(workspace, path);
  if (path === '' || !existsSync(from)) {
    const text = `No files were found with the provided path: ${path}.`;
    if (path === '') return failed('Input required and not supplied: path');
    return missing === 'error' ? failed(text) : { ok: true, outputs: {}, log: text };
  }
  const to = join(run.artifacts, name);
  if (existsSync(to)) {
    if (overwrite !== 'true') return failed(`an artifact with this name already exists: ${name}`);
    rmSync(to, { recursive: true });
  }
  mkdirSync(to);
  cpSync(from, statSync(from).isDirectory() ? to : join(to, basename(from)), { recursive: true });
  return { ok: true, outputs: {}, log: `uploaded ${name}` };
}

/** Of version 8. */
export function downloadArtifact({ inputs, workspace, run }: StepCall): StepEnd {
  const {
    name,
    pattern = '*',
    path = '.',
    'merge-multiple': merge = 'false',
  } = known(inputs, ['name', 'pattern', 'path', 'merge-multiple']);
  const all = readdirSync(run.artifacts);
  if (name !== undefined && !all.includes(name)) return failed(`Artifact '${name}' not found`);
  const chosen = name === undefined ? all.filter((each) => matches(pattern, each)) : [name];
  for (const artifact of chosen) {
    // without a folder of its own where it is the only one, however it was asked for
    const alone = name !== undefined || merge === 'true' || chosen.length === 1;
    const to = alone ? resolve(workspace, path) : resolve(workspace, path, artifact);
    cpSync(join(run.artifacts, artifact), to, { recursive: true });
  }
  return { ok: true, outputs: { 'download-path': resolve(workspace, path) }, log: chosen.join('\n') };
}

function matches(pattern: string, name: string): boolean {
  if (/[?[\]{}!+@()]/.test(pattern)) throw new Error(`this runner knows no other pattern than *: ${pattern}`);
  const parts = pattern.split('*').map((part) => part.replaceAll('.', '\\.'));
  return new RegExp(`^${parts.join('.*')}$`).test(name);
}

function failed(log: string): StepEnd {
  return { ok: false, outputs: {}, log: `##[error]${log}` };
}

/** @throws Error for an input that is not among these */
export function known(
  inputs: Readonly<Record<string, string>>,
  names: readonly string[],
): Readonly<Record<string, string | undefined>> {
  for (const name of Object.keys(inputs))
    if (!names.includes(name)) throw new Error(`this runner does not know the input ${name}`);
  return inputs;
}
