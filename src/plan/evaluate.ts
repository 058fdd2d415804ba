import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { EvaluationError, NixError } from '../errors';
import { showAttributePath } from '../inputs/attribute-path';
import type { FlakeReference } from '../inputs/flake-reference';
import type { DiskoMode, FileReference, SpecialArgs } from '../inputs/settings';
import describe from '../nix/evaluation.nix';
import openFile from '../nix/file.nix';
import type { Nix } from '../nix/nix';
import { nixString } from '../nix/nix-string';
import shapes from '../nix/shapes.nix';
import type { Evaluation } from './evaluation';
import { readEvaluation } from './read-evaluation';

/** Which disko script is needed. */
export interface WantedScript {
  readonly mode: DiskoMode;
  /** With the tools that it calls, or without: then the installer's are used. */
  readonly withTools: boolean;
}

/** What is asked for beside the system. */
export interface Wanted {
  readonly script: WantedScript | undefined;
  readonly installTest: boolean;
  readonly specialArgs: SpecialArgs | undefined;
}

/**
 * Evaluates one configuration of a flake.
 *
 * @throws NixError; an unknown configuration is answered with the names that exist
 */
export async function evaluateFlake(
  nix: Nix,
  { uri, name, path, copyOf }: FlakeReference,
  wanted: Wanted,
  signal: AbortSignal,
): Promise<Evaluation> {
  const fullPath = [name, ...path];
  const apply = `(${describe}) (${shapes}) ${fromJSON(requestFor(fullPath, wanted))}`;
  const answer = await nix
    .evaluate(
      `${flakeUri(uri)}#nixosConfigurations`,
      apply,
      signal,
      copyOf === undefined ? {} : { folder: copyOf },
    )
    .catch((error: unknown) => {
      throw explainFlake(error, uri);
    });
  return readEvaluation(answer, {
    what: `nixosConfigurations.${showAttributePath(fullPath)}`,
    path: fullPath,
    root: `nixosConfigurations of the flake ${uri}`,
    toName: `${uri}#NAME`,
    script: scriptName(wanted),
  });
}

/**
 * Evaluates what a Nix file holds, as nix-build would: with the NIX_PATH of the step, and whatever else the file reads.
 *
 * @throws NixError
 */
export async function evaluateFile(
  nix: Nix,
  { file, path }: FileReference,
  wanted: Wanted,
  signal: AbortSignal,
): Promise<Evaluation> {
  const lookup = /^<(.+)>$/.exec(file)?.[1];
  const place = lookup === undefined ? { file: resolve(file) } : { lookup };
  const root = `((${openFile}) (${shapes}) ${fromJSON({ ...place, path })})`;
  const answer = await nix
    .evaluateExpression(
      `(${describe}) (${shapes}) ${fromJSON(requestFor(path, wanted))} ${root}`,
      file,
      signal,
    )
    .catch((error: unknown) => {
      throw explainFile(error);
    });
  return readEvaluation(answer, {
    what: [file, showAttributePath(path)].join(' ').trim(),
    path,
    root: file,
    toName: `nix-attribute: ${showAttributePath([...path.slice(0, -1), 'NAME'])}`,
    script: scriptName(wanted),
  });
}

function requestFor(path: readonly string[], { script, installTest, specialArgs }: Wanted): object {
  const scripts = script === undefined ? null : scriptNames(script);
  return { path, scripts, test: installTest, specialArgs: specialArgs ?? null };
}

/** Where configurations have the script, the best first: disko's own names, and those of its older versions. */
export function scriptNames({ mode, withTools }: WantedScript): readonly string[] {
  const older = mode === 'disko' ? ['diskoNoDeps', 'diskNoDeps'] : [];
  const without = [`${mode}ScriptNoDeps`, ...older];
  if (!withTools) return without;
  return mode === 'disko' ? ['diskoScript', 'disko', ...without] : [`${mode}Script`];
}

function scriptName({ script }: Wanted): string | undefined {
  return script === undefined ? undefined : scriptNames(script)[0];
}

function fromJSON(value: object): string {
  return `(builtins.fromJSON ${nixString(JSON.stringify(value))})`;
}

/**
 * The reference as Nix takes it: a folder that is named without `./` would be looked up in the registry, and an address
 * takes blanks and letters beyond ASCII only in their encoded form.
 */
export function flakeUri(uri: string): string {
  if (/^[A-Za-z][A-Za-z0-9+.-]*:/.test(uri)) return uri.replace(/[^\x21-\x7e]/gu, encodeURIComponent);
  // of a folder Nix takes `?dir=` only where the folder itself has a flake too
  const [, folder = uri, below] = /^([^?]*)\?dir=([^&]+)$/.exec(uri) ?? [];
  const path = below !== undefined && existsSync(`${folder}/${below}/flake.nix`) ? `${folder}/${below}` : uri;
  return /^[A-Za-z0-9_]/.test(path) && existsSync(`${path}/flake.nix`) ? `./${path}` : path;
}

function explainFlake(error: unknown, uri: string): unknown {
  if (!(error instanceof NixError)) return error;
  const { lastLines, places } = error;
  if (!/does not provide attribute/.test(error.message))
    return new EvaluationError(error.message, { cause: error, lastLines, places });
  return new NixError(`the flake ${uri} has no nixosConfigurations`, {
    cause: error,
    lastLines,
    places,
    hint: 'check the flake input: its part before the # must lead to a flake with an output nixosConfigurations',
  });
}

function explainFile(error: unknown): unknown {
  if (!(error instanceof NixError)) return error;
  const { lastLines, places } = error;
  const found = /file '([^']*)' was not found in the Nix search path/.exec(error.message)?.[1];
  if (found === undefined) return new EvaluationError(error.message, { cause: error, lastLines, places });
  return new EvaluationError(error.message, {
    cause: error,
    lastLines,
    places,
    hint: `set NIX_PATH in the env: of this step, with an entry for ${found.split('/')[0]}; a module that lies beside an npins folder needs none for nixpkgs`,
  });
}
