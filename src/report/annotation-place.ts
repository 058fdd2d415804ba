import { realpathSync } from 'node:fs';
import { relative } from 'node:path';
import type { AnnotationProperties } from '@actions/core';
import type { Place } from '../errors';
import { neutralise } from './neutralise';

/**
 * Where GitHub shows an annotation: in the first of the places that is a file of the workspace, all links followed. One whose
 * name would have to be changed to be printed is none.
 *
 * @param workspace GITHUB_WORKSPACE; undefined or empty: nowhere
 */
export function annotationPlace(
  places: readonly Place[],
  workspace: string | undefined,
  redact: (text: string) => string,
): AnnotationProperties {
  if (workspace === undefined || workspace === '') return {};
  for (const { file, line, column } of places) {
    const path = pathWithin(workspace, file);
    if (path === undefined || redact(path) !== path || neutralise(path) !== path) continue;
    return {
      file: path,
      ...(line === undefined ? {} : { startLine: line }),
      ...(line === undefined || column === undefined ? {} : { startColumn: column }),
    };
  }
  return {};
}

function pathWithin(workspace: string, file: string): string | undefined {
  try {
    const path = relative(realpathSync(workspace), realpathSync(file));
    return path === '' || path === '..' || path.startsWith('../') ? undefined : path;
  } catch {
    return undefined;
  }
}
