// Counts the tests of one vitest run: prints "PASSED FAILED SKIPPED".
// Arguments: the JSON reporter's file, vitest's exit code.
import { readFileSync } from 'node:fs';

const [file, status] = process.argv.slice(2);

/** What the report says; a run that ended before it wrote one is a failure without details. */
function report() {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Files that failed outside any test, such as one that does not load. */
function brokenFiles({ testResults }) {
  return testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
  ).length;
}

const found = report();
const passed = found?.numPassedTests ?? 0;
const skipped = found ? found.numPendingTests + found.numTodoTests : 0;
let failed = found ? found.numFailedTests + brokenFiles(found) : 0;
// no tests are no success, nor is an exit code that no test explains (a timeout, an unhandled error)
if (failed === 0 && (status !== '0' || passed === 0)) failed = 1;
console.log(passed, failed, skipped);
