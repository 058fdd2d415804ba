// The pages below docs/ that are written from the data in parity/.
import { type SeedSection, seeds } from '../parity/coverage.ts';
import { ownMessages } from '../parity/failures.ts';
import { flagFaults, lessons, type UpstreamFault } from '../parity/faults.ts';
import { flags } from '../parity/flags.ts';
import { howTos } from '../parity/how-tos.ts';
import { standIns } from '../parity/imitated.ts';
import type { Counterpart, OwnInput } from '../parity/row.ts';
import { ownInputs } from '../parity/rows.ts';
import { terraform } from '../parity/terraform.ts';
import { errorsPage } from './errors.mts';
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

function seedSection({ title, rows }: SeedSection): string {
  const proof = (text: string) => (text.startsWith('none: ') ? `*${text.slice('none: '.length)}*` : text);
  return `## ${title}\n\n${compactTable(
    ['What the texts say', 'Here', 'Test'],
    rows.map(({ says, here: place, proof: test }) => [says, place, proof(test)]),
  )}`;
}

function faultTable(rows: readonly UpstreamFault[]): string {
  return compactTable(
    ['What it fell into', 'Test'],
    rows.map(({ fault, test }) => [fault, test]),
  );
}

function coveragePage(): string {
  return `${writtenBy}
# What is covered

What the documents say that this project began with, where it is handled, and which test shows it. *Italics*: why there is
none. Flags are in [flags.md](flags.md); what the tests can only imitate is in [imitated.md](imitated.md).

${seeds.map(seedSection).join('\n')}
## Known failures

[errors.md](errors.md) has what the log says, the cause, and what to do. What happens in another way here:

${compactTable(
  ['Elsewhere', 'Cause', 'Here', 'Test'],
  ownMessages.map(({ text, cause, here: place, test }) => [text, cause, place, test]),
)}
## What nixos-anywhere fell into

${faultTable(flagFaults)}
and what its fixes teach:

${faultTable(lessons)}`;
}

function imitatedPage(): string {
  return `${writtenBy}
# What the tests can only imitate

There is no NixOS, no nixpkgs and no GitHub where the tests run. What stands in for them, how far it is the real thing, and
what therefore nobody has seen.

${compactTable(
  ['Stand-in', 'For', 'Real in it', 'Not proven by it'],
  standIns.map(({ files, standsFor, real, unproven }) => [
    files.map((file) => `\`${file}\``).join(', '),
    standsFor,
    real,
    unproven,
  ]),
)}
Single tests have small ones besides, each in the test itself: a \`nix\` that hangs, an \`sshd\` with a forced command, a
\`nixos-install\` that says what it was told.
`;
}

/** As GitHub makes it of a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\w\s-]/g, '')
    .replaceAll(' ', '-');
}

function indexPage(): string {
  const guides = howTos
    .filter(({ rows }) => rows.length > 0)
    .map(
      ({ title, rows }) =>
        `## ${title}\n\n${rows
          .map(({ wish, page, heading }) => `- [${wish}](${page}#${anchorOf(heading)})\n`)
          .join('')}`,
    );
  return `${writtenBy}
# What do you want to do?

Each of these says what to write or run, and what you see when it worked; a test carries it out. What the log says of a
failure is in [errors.md](errors.md), each input in [inputs.md](inputs.md), and all pages are listed [below](#pages).

${[...guides, pageSection()].join('\n')}`;
}

function pageSection(): string {
  return `## Pages\n\n${pageList.map(([file, tells]) => `- [${file}](${file}): ${tells}\n`).join('')}`;
}

const pageList: readonly (readonly [file: string, tells: string])[] = [
  [
    'getting-started.md',
    'a first install in detail: machines, disks, firmware, users, and what goes wrong in the first hour',
  ],
  [
    'workflows.md',
    'workflows to copy: by pull request and approval, VM tests, hardware reports, an encrypted root',
  ],
  ['plans.md', 'what would be done, and having it approved'],
  ['fleets.md', 'many hosts in one flake'],
  ['machines.md', 'those without an operating system, with little memory, or without kexec'],
  ['login.md', 'keys, agents and passwords; users who are not root'],
  ['network.md', 'jump hosts, VPNs, IPv6 alone, addresses that change'],
  ['ssh-options.md', 'what ssh-option takes'],
  ['installer-image.md', 'the kexec image, its hash and flags, what its Nix may know'],
  [
    'configuration.md',
    'what is installed: flakes and Nix files, where it is built, hardware reports, VM tests',
  ],
  ['disks.md', 'which are lost, and how to say which may be; keys of encrypted ones'],
  ['encryption.md', 'LUKS and ZFS: passphrases, key files, opening over SSH'],
  ['secrets.md', 'what a secret may be; from the repository, age, sops, pass and vaults'],
  ['host-identity.md', 'the host key that sops-nix and agenix need, known before the install or told by it'],
  ['new-system.md', 'extra files, secrets, owners, hooks'],
  ['cache.md', 'what is built once and not each time, who shares it, who is believed'],
  ['private-caches.md', 'binary caches and flake inputs that not everybody may read'],
  ['runners.md', 'of your own: what they need, on NixOS, in WSL2'],
  ['log.md', 'how to read it: phases, who says what, how far long work is, and how to see more'],
  ['summary.md', 'what the job summary shows, with pictures'],
  ['outputs.md', 'every output, and the result file'],
  ['errors.md', 'what an error means for the machine, and what to do: known failures, kinds, states'],
  [
    'updating.md',
    'changing what runs: this action, nixos-rebuild, deploy-rs, colmena, nixinate; known_hosts; going back',
  ],
  [
    'repairing.md',
    'without wiping, between the phases, back to the old system, anew, and after a run that failed',
  ],
  ['moving-from-nixos-anywhere.md', 'command lines and the inputs that they become'],
  ['moving-from-terraform.md', 'parameters of the modules, and a workflow that Terraform starts'],
  ['inputs.md', 'every input, with its default'],
  ['flags.md', 'each flag of nixos-anywhere with its input here, and the test that proves it'],
  ['coverage.md', 'nixos-anywhere’s manuals, known failures and faults, and where they are handled'],
  ['newcomers-path.md', 'README.md done step by step on a fresh clone: times, stumbles, what was changed'],
  ['imitated.md', 'the stand-ins of the tests, and what therefore nobody has seen'],
  ['architecture.md', 'for contributors: the road of a run through the files, and where something new goes'],
];

/** Each page by its path in the repository. */
export const pages: Readonly<Record<string, string>> = {
  'docs/README.md': indexPage(),
  'docs/flags.md': flagsPage(),
  'docs/errors.md': `${writtenBy}\n${errorsPage()}`,
  'docs/coverage.md': coveragePage(),
  'docs/imitated.md': imitatedPage(),
};
