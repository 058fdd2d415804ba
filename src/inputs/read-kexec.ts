import type { InputReader } from './input-reader';
import * as parse from './parsers';
import type { KexecImage, KexecSettings } from './settings';
import { shellWords } from './shell-words';

export function readKexec(reader: InputReader): KexecSettings {
  const image = reader.optional<KexecImage>('kexec', parse.kexecImage, { kind: 'default' });
  for (const token of image.value.kind === 'url' ? tokensOf(image.value.url) : [])
    reader.secrets.register(token);
  return {
    image,
    sha256: reader.optional<string | undefined>('kexec-sha256', parse.sha256, undefined),
    extraFlags: reader.optional('kexec-extra-flags', shellWords, []),
    force: reader.optional('force-kexec', parse.boolean, false),
  };
}

/** A shorter value of a query may be a word, which would be hidden wherever it stands. */
const shortestToken = 16;

/** What lets one in to a private server, or is signed: no log shall have it, whoever prints the address. */
function tokensOf(url: string): string[] {
  const [, userInfo = ''] = /^\w+:\/\/([^/?#]*)@/.exec(url) ?? [];
  const [, query = ''] = /\?([^#]*)/.exec(url) ?? [];
  const password = userInfo.slice(userInfo.indexOf(':') + 1);
  const values = query.split('&').map((part) => part.slice(part.indexOf('=') + 1));
  return [password, ...values.filter((value) => value.length >= shortestToken)];
}
