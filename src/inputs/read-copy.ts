import type { Secret } from '../secrets';
import type { InputReader } from './input-reader';
import { parseNetrc } from './netrc';
import * as parse from './parsers';
import { readSecret } from './read-secret';
import type { CopySettings } from './settings';
import { storeSettings } from './store-settings';

export function readCopy(reader: InputReader): CopySettings {
  const noSubstitutes = reader.optional('no-substitute-on-destination', parse.boolean, false);
  const netrc = readNetrc(reader);
  if (netrc !== undefined && noSubstitutes.value)
    reader.problem(
      'netrc',
      'is for substituters, and with no-substitute-on-destination the machine uses none; leave one of them out',
    );
  return {
    noMachineSubstituters: reader.optional('no-use-machine-substituters', parse.boolean, false),
    noSubstitutes,
    netrc,
    idleStoreSettings: reader.optional('ssh-store-setting', storeSettings, []),
  };
}

function readNetrc(reader: InputReader): Secret | undefined {
  const contents = readSecret(reader, 'netrc');
  if (contents === undefined) return undefined;
  const netrc = parseNetrc(contents);
  if ('problem' in netrc) {
    reader.problem('netrc', netrc.problem);
    return undefined;
  }
  for (const password of netrc.ok.passwords) reader.secrets.register(password);
  return reader.secrets.register(netrc.ok.text);
}
