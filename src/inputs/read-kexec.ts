import { tokensIn } from './address-tokens';
import type { InputReader } from './input-reader';
import * as parse from './parsers';
import type { KexecImage, KexecSettings } from './settings';
import { shellWords } from './shell-words';

export function readKexec(reader: InputReader): KexecSettings {
  const image = reader.optional<KexecImage>('kexec', parse.kexecImage, { kind: 'default' });
  for (const token of image.value.kind === 'url' ? tokensIn(image.value.url) : [])
    reader.secrets.register(token);
  return {
    image,
    sha256: reader.optional<string | undefined>('kexec-sha256', parse.sha256, undefined),
    extraFlags: reader.optional('kexec-extra-flags', shellWords, []),
    force: reader.optional('force-kexec', parse.boolean, false),
  };
}
