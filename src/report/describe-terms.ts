import type { OnlinePlan, Plan } from '../plan/plan';
import type { LaterPlace } from '../plan/terms';

/** What of a plan is looked at. */
type OfPlan = Pick<Plan, 'action' | 'terms'> & { readonly online: Pick<OnlinePlan, 'hostKeys'> };

/** On which terms a plan is carried out, as name and value; nothing that is as one expects. */
export function describeTerms({ action, terms, online }: OfPlan): (readonly [string, string])[] {
  if (action === 'nothing') return [];
  const { installer, afterwards, verify, allowLockout } = terms;
  const rows: [string, string][] = [
    ['later', action === 'install' ? placeOf('the installer', installer, online) : ''],
    ['afterwards', placeOf('the new system', afterwards, online)],
    ['proof', verify === 'auto' ? '' : `verify is ${verify}`],
    ['lock-out', allowLockout ? 'allow-lockout: nobody may be able to log in to the new system' : ''],
  ];
  return rows.filter(([, value]) => value !== '');
}

function placeOf(what: string, { host, user, port, hostKeys }: LaterPlace, online: OfPlan['online']): string {
  const others = hostKeys.filter((key) => !online.hostKeys.includes(key));
  if (host === null && others.length === 0) return '';
  const at = host === null ? '' : ` is met at ${[user, host].filter((each) => each !== null).join('@')}`;
  const on = host === null || port === null ? '' : `, port ${port}`;
  return `${what}${at}${on}${others.length === 0 ? '' : ` may show another host key: ${others.join(', ')}`}`;
}
