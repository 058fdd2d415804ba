import type { Failure } from './result';

/** Where the pages of docs/ are read. */
const documents = 'https://github.com/nixos-anywhere-action/nixos-anywhere-action/blob/main/docs';

/** What there is to read about a failure: of the one that is known, else of all of its kind. */
export function errorPage({ known, kind }: Pick<Failure, 'known' | 'kind'>): string {
  return `${documents}/errors.md#${known ?? kind}`;
}
