// What the runner starts: one of the only two modules that do something when they are loaded.
import { dirname, join } from 'node:path';
import { main } from './main';
import { isPostStep, post } from './post';

/** The other bundle, which only a child of this one loads. */
const worker = [join(dirname(process.argv[1] ?? ''), 'cache', 'index.js')];

(isPostStep(process.env) ? post(worker) : main(worker)).then(
  // a socket or timer that is still open must not keep the job from ending
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
