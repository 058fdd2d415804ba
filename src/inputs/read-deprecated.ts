import type { InputReader } from './input-reader';
import * as parse from './parsers';
import type { BuildChoice, Setting } from './settings';
import type { InputName } from './table';

/** Whether a deprecated input is switched on; whoever gives it, on or off, is told what to write instead. */
export function isDeprecatedOn(reader: InputReader, input: InputName, instead: string): boolean {
  const { value, source } = reader.optional(input, parse.boolean, false);
  if (source !== 'default')
    reader.notice(input, `is deprecated; ${value ? `write ${instead} instead` : 'leave it out'}`);
  return value;
}

/** The same, without a word: for whoever has something to say about what an input has chosen. */
export function isOn(reader: InputReader, input: InputName): boolean {
  const parsed = parse.boolean(reader.text(input) ?? '');
  return 'ok' in parsed && parsed.ok;
}

/** Which input has chosen where it is built. */
export function inputOfBuildOn(reader: InputReader): InputName {
  return isOn(reader, 'build-on-remote') ? 'build-on-remote' : 'build-on';
}

/** What build-on-remote makes of build-on. */
export function withBuildOnRemote(reader: InputReader, buildOn: Setting<BuildChoice>): Setting<BuildChoice> {
  if (!isDeprecatedOn(reader, 'build-on-remote', 'build-on: remote')) return buildOn;
  if (buildOn.source !== 'default' && buildOn.value !== 'remote')
    reader.problem('build-on-remote', `contradicts build-on: ${buildOn.value}; leave build-on-remote out`);
  return { value: 'remote', source: 'input' };
}

/** nixos-anywhere's `-t`: accepted, and means nothing. */
export function readTty(reader: InputReader): void {
  if (reader.optional('tty', parse.boolean, false).source === 'input')
    reader.notice('tty', 'is deprecated, and means nothing here: no terminal is used; leave it out');
}
