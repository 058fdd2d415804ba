// The ends that a VM test comes to need no machine of ours: these are the bundle's, for their rows in results.md.
import { describe } from 'vitest';

describe('of VM tests', async () => {
  await import('../bundle/vm-test.test');
});
