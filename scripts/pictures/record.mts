// `npm run pictures:record [-- PICTURE…]`: takes the results of the last `npm run demo`, `npm run e2e` and `npm run e2e:all`
// for all pictures or for these, such as installed. What only the testbed has becomes what a user has: addresses, folders,
// and names of hosts. All else stays.
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Result } from '../../src/report/result.ts';
import { cacheFolder } from '../../testbed/paths.mts';

const results = new URL('results/', import.meta.url);

interface Recording {
  /** The picture, or the picture of a fleet and the file's name in its folder. */
  readonly to: string;
  /** A folder of the testbed; in it the newest result counts. */
  readonly from: string;
  /** What the host is called in the picture. */
  readonly host: string;
}

const fleet = (of: string, kind: string, host: string) =>
  `e2e/fleet/${of}/summary-0/work/results/nixos-anywhere-${kind}-${host}`;

const recordings: readonly Recording[] = [
  { to: 'installed', from: 'demo/run/tmp', host: 'web-1' },
  { to: 'plan', from: fleet('second', 'plan', 'web-2'), host: 'web-1' },
  { to: 'plan-disks', from: 'e2e/disks-plan/tmp', host: 'web-1' },
  { to: 'failed', from: 'e2e/broken-loader/tmp', host: 'web-1' },
  { to: 'refused', from: 'e2e/missing-disk/tmp', host: 'web-1' },
  ...['web-1', 'web-2', 'web-3'].map((host) => ({
    to: `fleet-review/${host}`,
    from: fleet('second', 'plan', host),
    host,
  })),
  // hosts that have failed in different tests, as one fleet
  { to: 'fleet-failed/web-1', from: fleet('second', 'result', 'web-1'), host: 'web-1' },
  { to: 'fleet-failed/web-2', from: fleet('refused', 'result', 'web-2'), host: 'web-2' },
  { to: 'fleet-failed/web-3', from: 'e2e/broken-loader/tmp', host: 'web-3' },
  { to: 'fleet-failed/web-4', from: fleet('second', 'result', 'web-2'), host: 'web-4' },
];

function newestIn(folder: string): string {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => join(folder, name));
  const [newest] = files.toSorted((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  if (newest === undefined)
    throw new Error(`${folder} holds no result: run the demo and the e2e tests first`);
  return newest;
}

/** Of a version of the action whose results had less in them. */
function isOld({ activities, failure }: Partial<Result>): boolean {
  return activities === undefined || (failure !== null && failure?.resume === undefined);
}

/** With the names of a user's fleet, in whatever text they stand. */
function presentable(path: string, host: string): string {
  const text = readFileSync(path, 'utf8');
  const given: Result = JSON.parse(text);
  if (isOld(given)) throw new Error(`${path} is of an older version: run again what makes it`);
  const port = given.target.replace(/^.*:/, '');
  const system = given.plan?.offline.hostName ?? given.host;
  const asRecorded = [
    [`[127.0.0.1]:${port}`, `${host}.example.org`],
    [`127.0.0.1:${port}`, `${host}.example.org`],
    [`"port": ${port}`, '"port": 22'],
    [`nixosConfigurations.\\"${given.host}\\"`, `nixosConfigurations.\\"${host}\\"`],
    [`"host": "${given.host}"`, `"host": "${host}"`],
    [system, host],
  ] as const;
  return (
    asRecorded
      .reduce((all, [from, to]) => all.replaceAll(from, to), text)
      // the flakes of the testbed
      .replace(/path:[^"#]*(?=#nixosConfigurations)/, '.')
      .replaceAll(cacheFolder, '/home/runner/work/fleet/fleet')
  );
}

const wanted = process.argv.slice(2);
const chosen = recordings.filter(({ to }) => wanted.length === 0 || wanted.includes(to.replace(/\/.*$/, '')));
if (chosen.length === 0) throw new Error(`there is no picture ${wanted.join(', ')}`);
// none where one is missing
const texts = chosen.map(({ to, from, host }) => ({
  file: new URL(`${to}.json`, results),
  text: presentable(newestIn(join(cacheFolder, from)), host),
}));
for (const { file, text } of texts) {
  mkdirSync(new URL('.', file), { recursive: true });
  writeFileSync(file, text);
}
