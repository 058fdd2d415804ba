// docs/errors.md, from what the code knows of failures and the samples of parity/.
import { githubFailures, kinds, states } from '../parity/errors.ts';
import type { Sample } from '../parity/samples/sample.ts';
import { samplesOf } from '../parity/samples.ts';
import { fallbacks, type KnownId, knownFailures } from '../src/report/hints.ts';
import type { KnownFailure, Place } from '../src/report/known/failure.ts';
import { table } from './markdown.mts';

function proofOf({ source }: Sample): string {
  return 'real' in source ? `said for real in ${source.real}` : `imitated, from ${source.imitated}`;
}

/** Samples that were got in the same way stand together. */
function samplesSection(samples: readonly Sample[]): string {
  const proofs = [...new Set(samples.map(proofOf))];
  return proofs
    .map((proof) => {
      const texts = samples.filter((sample) => proofOf(sample) === proof).map(({ text }) => text);
      return `\`\`\`text\n${texts.join('\n')}\n\`\`\`\n\n_${proof}_\n`;
    })
    .join('\n');
}

function placeOf({ kinds, phases }: Place): string {
  const names = phases?.map((phase) => phase ?? 'before the first phase').join(', ') ?? 'any phase';
  return `${kinds.join(', ')} in ${names}`;
}

function known({ id, title, where, cause, hint }: KnownFailure & { readonly id: KnownId }): string {
  return `### ${id}

${title[0]?.toUpperCase()}${title.slice(1)}: ${cause}.

Looked for in errors of the kind ${where.map(placeOf).join('; ')}.

${samplesSection(samplesOf[id])}
**What to do:** ${hint}.
`;
}

export function errorsPage(): string {
  return `# What an error means, and what to do

Annotation, job summary and result file (\`failure\`) of a run that failed say in which phase it was, what was said, what to do
where that is known, and in which state the machine is. They lead to a heading of this page: to the [known failure](#known-failures)
that it is, else to the [kind](#kinds-of-errors) of the error. Whatever it is, the [state of the machine](#states-of-the-machine)
says how to go on.

The same words mean different things in different places: \`No space left on device\` is the runner’s disk in \`build\`, the
installer’s memory in \`disko\`, and a new partition in \`install\`. So a failure is known by its words, its kind and its phase.

## Known failures

In the order in which they are looked for, first in the message, then in the lines before it; the last ones only where no other is.

${[...knownFailures, ...fallbacks].map(known).join('\n')}
## Kinds of errors

What is not known by its words has a kind: \`kind\` in the result file’s \`failure\`. Exit code 1 and \`outcome: failed\` all of them.

${kinds.map(({ kind, means, machine, advice }) => `### ${kind}\n\n${means}\n\n- The machine: ${machine}\n- What to do: ${advice}\n`).join('\n')}
## States of the machine

The output \`target-state\`: what it means, and how to go on.

${states.map(({ state, means, advice }) => `### ${state}\n\n${means}\n\n${advice.map((line) => `- ${line}\n`).join('')}`).join('\n')}
## What GitHub says itself

Where the runner or GitHub ends the job, the action cannot say anything: the machine is then as the last lines of its log, and the
next run, tell. Run the workflow again; it takes the machine as it finds it.

${table(
  ['GitHub says', 'Cause', 'What to do'],
  githubFailures.map(({ text, cause, advice }) => [`\`${text}\``, cause, advice]),
)}`;
}
