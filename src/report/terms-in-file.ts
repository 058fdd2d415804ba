import {
  amountAt,
  booleanAt,
  choiceAt,
  type Fields,
  fieldsAt,
  listAt,
  orNull,
  textAt,
} from '../checked-json';
import { verifyChoices } from '../inputs/settings';
import type { LaterPlace } from '../plan/terms';
import { describeTerms } from './describe-terms';

/** On which terms a plan that was read from a file is carried out, in words. @throws MisshapenError */
export function termsInFile(plan: Fields): readonly string[] {
  const terms = fieldsAt(plan, 'terms');
  const rows = describeTerms({
    action: choiceAt(plan, 'action', ['install', 'update', 'nothing']),
    terms: {
      installer: placeAt(terms, 'installer'),
      afterwards: placeAt(terms, 'afterwards'),
      verify: choiceAt(terms, 'verify', verifyChoices),
      allowLockout: booleanAt(terms, 'allowLockout'),
    },
    online: { hostKeys: listAt(fieldsAt(plan, 'online'), 'hostKeys').map(String) },
  });
  return rows.map(([, words]) => words);
}

function placeAt(terms: Fields, name: string): LaterPlace {
  const place = fieldsAt(terms, name);
  return {
    host: orNull(place, 'host', textAt),
    port: orNull(place, 'port', amountAt),
    user: orNull(place, 'user', textAt),
    hostKeys: listAt(place, 'hostKeys').map(String),
  };
}
