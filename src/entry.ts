// What the runner starts: the only module that does something when it is loaded.
import { main } from './main';

main().then(
  // a socket or timer that is still open must not keep the job from ending
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
