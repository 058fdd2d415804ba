import type { Settings } from './settings';

/** Settings that are several. */
const groups: readonly string[] = [
  'cache',
  'deadlines',
  'login',
  'kexec',
  'copy',
  'newSystem',
  'postInstall',
];

/** Each value with its source, a line each; secrets print as `***`. */
export function describeSettings(settings: Settings): string {
  return Object.entries(settings)
    .flatMap(([name, value]) => (groups.includes(name) ? Object.entries(value) : [[name, value]]))
    .map(([name, setting]) => `${name} = ${JSON.stringify(setting)}`)
    .join('\n');
}
