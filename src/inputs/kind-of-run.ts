import { boolean } from './parsers';
import type { RawInputs } from './raw-inputs';

// What kind of run the inputs ask for, for whoever has to know before they are read as a whole.

type Choice = 'build-only' | 'vm-test' | 'list-hosts';

export function isChosen(raw: RawInputs, name: Choice): boolean {
  const parsed = boolean(raw[name] ?? '');
  return 'ok' in parsed && parsed.ok;
}

export function isForManyHosts(raw: RawInputs): boolean {
  return isChosen(raw, 'list-hosts') || (raw['fleet-results'] ?? '').trim() !== '';
}

/** Those that only build are for no machine. */
export const onlyBuilds = (raw: RawInputs): boolean =>
  isChosen(raw, 'build-only') || isChosen(raw, 'vm-test');

export const isOffline = (raw: RawInputs): boolean => raw.plan?.trim() === 'offline';

export function contactsMachine(raw: RawInputs): boolean {
  return !isForManyHosts(raw) && !onlyBuilds(raw) && !isOffline(raw);
}
