// Writes what became of each scenario of `npm run e2e:all` into the repository. Argument: the JSON reporter's file.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const table = new URL('../__tests__/e2e-all/results.md', import.meta.url);
const head = `<!-- written by npm run e2e:all -->

# The last results of the scenarios that CI does not run

CI has its own on the same machine (\`npm run e2e\`, \`__tests__/e2e\`), and here they are not repeated: the installs as root and
as a user with sudo, with an image by URL that curl fetches, and over a NixOS; what verify finds out; disk keys byte for
byte; which disks are lost; a network that breaks; systems that do not boot; machines that are refused.

| Scenario | Result | Seconds | Date | Commit |
| --- | --- | --- | --- | --- |
`;

const commit = execFileSync('git', ['describe', '--always', '--dirty', '--exclude=*'], {
  encoding: 'utf8',
}).trim();
const date = new Date().toISOString().slice(0, 10);
const row = (name) => /^\| (.*?) \| /.exec(name)?.[1];

/** The rows by scenario. */
function rowsOf(text) {
  const lines = text
    .split('\n')
    .filter((line) => /^\| .*\|$/.test(line) && !/^\| (Scenario|---) \|/.test(line));
  return new Map(lines.map((line) => [row(line), line]));
}

function scenarioRow({ fullName, status, duration = 0 }) {
  const name = fullName.trim().replaceAll('|', '\\|');
  return [name, `| ${name} | ${status} | ${Math.round(duration / 1000)} | ${date} | ${commit} |`];
}

const { testResults } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const ran = testResults
  .flatMap(({ assertionResults }) => assertionResults)
  .filter(({ status }) => status === 'passed' || status === 'failed')
  .map(scenarioRow);
const rows = new Map([...(existsSync(table) ? rowsOf(readFileSync(table, 'utf8')) : []), ...ran]);
writeFileSync(table, `${head}${[...rows.values()].toSorted().join('\n')}\n`);
