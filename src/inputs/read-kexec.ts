import type { InputReader } from './input-reader';
import * as parse from './parsers';
import type { KexecSettings } from './settings';
import { shellWords } from './shell-words';

export function readKexec(reader: InputReader): KexecSettings {
  return {
    image: reader.optional('kexec', parse.kexecImage, { kind: 'default' }),
    sha256: reader.optional<string | undefined>('kexec-sha256', parse.sha256, undefined),
    extraFlags: reader.optional('kexec-extra-flags', shellWords, []),
    force: reader.optional('force-kexec', parse.boolean, false),
  };
}
