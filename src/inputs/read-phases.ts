import type { InputReader } from './input-reader';
import * as parse from './parsers';
import { isDeprecatedOn, isOn } from './read-deprecated';
import { type SelectablePhase, type Setting, selectablePhases } from './settings';
import type { InputName } from './table';

/** Deprecated inputs, and how far each goes: from the least far on, since that one holds when several are given. */
const shortcuts = [
  { input: 'stop-after-disko', phases: ['kexec', 'disko'] },
  { input: 'no-reboot', phases: ['kexec', 'disko', 'install'] },
] as const satisfies readonly { input: InputName; phases: readonly SelectablePhase[] }[];

export function readPhases(reader: InputReader): Setting<readonly SelectablePhase[]> {
  const phases = reader.optional('phases', parse.subset(selectablePhases), selectablePhases);
  const given = shortcuts.filter(({ input, phases: meant }) =>
    isDeprecatedOn(reader, input, `phases: ${meant.join(',')}`),
  );
  for (const { input } of given) {
    if (reader.text('phases') !== undefined)
      reader.problem(input, `cannot be combined with phases, which says what is done; leave ${input} out`);
  }
  const [first] = given;
  return first === undefined ? phases : { value: first.phases, source: 'input' };
}

/** Which input has chosen the phases, for whoever has something to say about the choice. */
export function inputOfPhases(reader: InputReader): InputName {
  return shortcuts.find(({ input }) => isOn(reader, input))?.input ?? 'phases';
}
