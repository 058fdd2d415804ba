import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { NixError } from '../../src/errors';
import { ActionLog } from '../../src/report/action-log';
import { failureOf, publish } from '../../src/report/report';
import { Progress } from '../../src/report/result';
import { SecretRegistry } from '../../src/secrets';
import { FakeClock } from './support';

// one for all tests: @actions/core keeps the summary's path
const dir = mkdtempSync(join(tmpdir(), 'report-'));
let printed: string;
const write = process.stdout.write.bind(process.stdout);
const { RUNNER_TEMP, GITHUB_OUTPUT, GITHUB_STEP_SUMMARY } = process.env;
beforeEach(() => {
  const files = { GITHUB_OUTPUT: join(dir, 'output'), GITHUB_STEP_SUMMARY: join(dir, 'summary') };
  for (const file of Object.values(files)) writeFileSync(file, '');
  Object.assign(process.env, { RUNNER_TEMP: dir, ...files });
  printed = '';
  process.stdout.write = (text: string | Uint8Array) => {
    printed += text.toString();
    return true;
  };
});
afterEach(() => {
  process.stdout.write = write;
});
afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
  Object.assign(process.env, {
    RUNNER_TEMP: RUNNER_TEMP ?? '',
    GITHUB_OUTPUT: GITHUB_OUTPUT ?? '',
    GITHUB_STEP_SUMMARY: GITHUB_STEP_SUMMARY ?? '',
  });
});

const read = (name: string) => readFileSync(join(dir, name), 'utf8');
const resultFile = 'nixos-anywhere-root_example.org_22.json';

/** Publishes a failure that contains a text, with that text registered as a secret or not. */
async function publishFailure(text: string, ...secretTexts: string[]): Promise<void> {
  const secrets = new SecretRegistry(() => undefined);
  for (const secret of secretTexts) secrets.register(secret);
  const progress = new Progress();
  progress.target = 'root@example.org:22';
  progress.systemPath = text;
  const error = new NixError(`it said ${text}`, { lastLines: [text], hint: `use ${text}` });
  await publish(
    progress.result('failed', failureOf(error, progress, secrets)),
    new ActionLog(secrets, new FakeClock()),
    secrets,
  );
}

test('writes result file, outputs, annotation and summary', async () => {
  await publishFailure('something');
  expect(JSON.parse(read(resultFile))).toMatchObject({
    version: 1,
    outcome: 'failed',
    systemPath: 'something',
  });
  expect(statSync(join(dir, resultFile)).mode & 0o777).toBe(0o600);
  expect(read('output')).toMatch(/^system-path<<(\S+)\nsomething\n\1$/m);
  expect(read('output')).toContain(join(dir, resultFile));
  expect(read('summary')).toContain('Installation failed');
  expect(printed).toMatch(
    /^::error title=nixos-anywhere failed.*::it said something%0AWhat to do: use something/m,
  );
});

// each written otherwise by JSON, by Markdown in text, and in <code>
test.each(['plain-secret', 'pass"word\\1', 'my_pass*word', '<p&ss|word>', '`[secret]`', 'pässwörd 日本'])(
  'shows the secret %j nowhere',
  async (secret) => {
    await publishFailure(secret, secret);
    for (const text of [read(resultFile), read('output'), read('summary'), printed]) {
      expect(text).toContain('***');
      expect(text).not.toContain(secret.slice(1, 5));
    }
    expect(JSON.parse(read(resultFile))).toMatchObject({ systemPath: '***' });
  },
);

test('the result file stays JSON even when a secret is a piece of JSON', async () => {
  await publishFailure('some "," thing', '","');
  expect(JSON.parse(read(resultFile))).toMatchObject({ outcome: 'failed' });
});

test('an output with a secret in it says so: the runner would drop it', async () => {
  await publishFailure('untouched and more', 'untouched');
  expect(read('output')).toMatch(/^target-state<<(\S+)\n\*\*\*\n\1$/m);
  expect(printed).toMatch(
    /^::warning::A secret of this run is also part of the outputs target-state, system-path,/m,
  );
  printed = '';
  await publishFailure('something', 'another');
  expect(printed).not.toContain('is also part of');
});
