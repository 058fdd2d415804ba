// Tests that mostly wait (for keepalives, for a deadline) run side by side. Vitest's own `onTestFinished` does not know
// which of several running tests calls it; here the call knows.
import { AsyncLocalStorage } from 'node:async_hooks';
import { type TestContext, test as vitestTest } from 'vitest';

const running = new AsyncLocalStorage<TestContext>();

/** Has something undone at the end of the test that runs; the last comes first. */
export function atEnd(undo: () => void | Promise<void>): void {
  const context = running.getStore();
  if (context === undefined) throw new Error('atEnd is for tests of this file’s `test` only');
  context.onTestFinished(async () => {
    await undo();
  });
}

/** A test that runs beside others of its file. */
export function test(name: string, body: () => Promise<void>): void {
  vitestTest.concurrent(name, (context) => running.run(context, body));
}

/** The same test for each case, whose first element stands in the name for `%s`. */
export function testEach<Name extends string, Value = undefined>(
  cases: readonly (readonly [Name, Value?])[],
): (name: string, body: (first: Name, second: Value) => Promise<void>) => void {
  return (name, body) => {
    for (const [first, second] of cases) {
      test(name.replace('%s', first), () => body(first, second as Value));
    }
  };
}
