import { readdirSync, realpathSync, statSync } from 'node:fs';
import type { Parser } from './parsers';

/** A folder on the runner with something in it; may be a link to one, such as what nix build leaves. */
export const extraFilesFolder: Parser<string> = (text) => {
  const path = text.trim();
  const problem = (what: string) => ({ problem: `is ${JSON.stringify(path)}, ${what}` });
  try {
    if (!statSync(path).isDirectory())
      return problem('which is not a folder; give the folder that holds the files');
    if (readdirSync(path).length === 0)
      return problem('which is empty; put files into it, or leave the input out');
    return { ok: realpathSync(path) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT'
      ? problem('and there is no such folder on the runner')
      : problem(`which cannot be read (${code ?? 'unknown reason'})`);
  }
};
