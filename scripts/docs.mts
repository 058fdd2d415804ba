// The pages below docs/ that are written from the data in parity/.
import { flags } from '../parity/flags.ts';
import type { Counterpart, OwnInput } from '../parity/row.ts';
import { ownInputs } from '../parity/rows.ts';
import { terraform } from '../parity/terraform.ts';
import { compactTable } from './markdown.mts';

const writtenBy =
  '<!-- written by `npm run tables` from parity/; a test compares them, and sees to it that the tests exist -->\n';

function here({ input, here: words }: Counterpart): string {
  return words ?? (input === undefined ? '' : `\`${input}\``);
}

function counterparts(rows: readonly Counterpart[]): string {
  return compactTable(
    ['nixos-anywhere', 'Here', 'Default', 'Where we differ, and why', 'Proof'],
    rows.map((row) => [`\`${row.name}\``, here(row), row.default, row.differs, row.test]),
  );
}

function ownTable(rows: readonly OwnInput[]): string {
  return compactTable(
    ['Input', 'Why there is one', 'Proof'],
    rows.map(({ input, why, test }) => [`\`${input}\``, why, test]),
  );
}

function flagsPage(): string {
  return `${writtenBy}
# nixos-anywhere's flags, and what they are here

Inputs are named as the flags are, without the dashes. What takes several arguments or may be repeated takes a line each.
The last column names a test, \`folder/file › title\` below \`__tests__\`, that fails when the feature is taken away:
\`npm run mutate-rows\` does that, row by row.

## Flags

${counterparts(flags)}
## What the Terraform modules have beyond them

${counterparts(terraform)}
## Ours alone

${ownTable(ownInputs)}`;
}

/** Each page by its path in the repository. */
export const pages: Readonly<Record<string, string>> = { 'docs/flags.md': flagsPage() };
