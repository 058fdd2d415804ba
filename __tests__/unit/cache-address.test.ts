// What the client of the cache says is passed on without what lets one into the blob store: its masks are not.
import { expect } from 'vitest';
import { findCacheService } from '../../src/cache/service';
import { testEach } from '../support/concurrent';
import { failure, testRuntime } from '../support/runtime';

const environment = {
  ACTIONS_CACHE_SERVICE_V2: 'true',
  ACTIONS_RESULTS_URL: 'http://127.0.0.1:9/',
  ACTIONS_RUNTIME_TOKEN: 'token',
};
const address = 'https://blobs.example/c/one?se=2026&sig=open%2Fsesame';

/** A client that prints this address, and answers with it. */
async function clientSaying(answer: object) {
  const runtime = testRuntime();
  const code = `
    const { answerFile } = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
    console.log('::debug::Body: ${address}');
    console.log('Uploading to "${address}" now');
    console.error('to ${address}');
    require('node:fs').writeFileSync(answerFile, ${JSON.stringify(JSON.stringify(answer))});`;
  const service = findCacheService(environment, ['-e', code], runtime);
  const error = await failure(service?.find('p/', undefined, runtime.signal) ?? Promise.resolve());
  return { error, log: runtime.log.text };
}

testEach<string, object>([
  ['failed', { kind: 'failed', reason: `403 of ${address}` }],
  ['broken', { kind: 'broken', key: 'p/x', reason: `403 of ${address}` }],
])('an address is said without its query: %s', async (_, answer) => {
  const { error, log } = await clientSaying(answer);
  expect(error.message).toBe('403 of https://blobs.example/c/one');
  expect(log.split('\n').toSorted()).toEqual([
    'debug: cache client> Uploading to "https://blobs.example/c/one" now',
    'debug: cache client> to https://blobs.example/c/one',
  ]);
});
