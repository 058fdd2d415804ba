import {
  amountAt,
  booleanAt,
  choiceAt,
  type Fields,
  fieldsAt,
  isFields,
  listAt,
  own,
  textAt,
} from '../checked-json';
import { sizeOf } from './describe-disks';

/** Which disks a plan that was read from a file will have lost, each in a few words. @throws MisshapenError */
export function lostDisks(plan: Fields): readonly string[] {
  if (own(plan, 'action') !== 'install' || !listAt(plan, 'phases').includes('disko')) return [];
  const online = fieldsAt(plan, 'online');
  if (booleanAt(fieldsAt(plan, 'offline'), 'provisional'))
    return ['those of a configuration that is only known when the machine has described itself'];
  return [
    ...(booleanAt(online, 'disksKnown') ? [] : ['the configuration does not tell: count on all of them']),
    ...listAt(online, 'disks').flatMap(lossOf),
  ];
}

function lossOf(disk: unknown): readonly string[] {
  const fate = choiceAt(disk, 'fate', ['wiped', 'collateral', 'changed', 'untouched']);
  const [name] = [...listAt(disk, 'named'), textAt(disk, 'device')];
  const size = sizeOf(amountAt(disk, 'bytes'));
  const words = `${String(name)}${size === '' ? '' : ` (${size})`}`;
  if (fate === 'wiped') return [words];
  if (fate === 'collateral') return [`${words}, as collateral`];
  return fate === 'changed' && listAt(disk, 'contents').some(losesSomething) ? [`a part of ${words}`] : [];
}

function losesSomething(content: unknown): boolean {
  return (
    isFields(content) && (booleanAt(content, 'lost') || listAt(content, 'contains').some(losesSomething))
  );
}
