// What the action starts as a child: one of the only two modules that do something when they are loaded.
import { serve } from './worker';

serve().then(
  // the client keeps connections open
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
