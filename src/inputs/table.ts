import { accessInputs } from './table/access';
import { cacheInputs } from './table/cache';
import { configurationInputs } from './table/configuration';
import { copyInputs } from './table/copy';
import { deprecatedInputs } from './table/deprecated';
import { disksInputs } from './table/disks';
import { fleetInputs } from './table/fleet';
import { kexecInputs } from './table/kexec';
import { proofInputs } from './table/proof';
import { runInputs } from './table/run';
import { systemInputs } from './table/system';

/** The inputs as the README shows them, section by section; each section has a file of its own. */
export const sections = [
  { title: 'What is installed', inputs: configurationInputs },
  { title: 'The cache', inputs: cacheInputs },
  { title: 'The machine, and how to log in to it', inputs: accessInputs },
  { title: 'The installer', inputs: kexecInputs },
  { title: 'Disks', inputs: disksInputs },
  { title: 'Closures on their way', inputs: copyInputs },
  { title: 'The new system', inputs: systemInputs },
  { title: 'The proof that it runs', inputs: proofInputs },
  { title: 'The run', inputs: runInputs },
  { title: 'Many machines', inputs: fleetInputs },
  { title: 'Deprecated', inputs: deprecatedInputs },
] as const;

export const inputs = sections.flatMap((section) => [...section.inputs]);

export type InputName = (typeof inputs)[number]['name'];
