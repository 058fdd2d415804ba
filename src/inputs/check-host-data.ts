import { InputError, type InputProblem } from '../errors';
import { SecretRegistry } from '../secrets';
import { makeKey } from '../ssh/private-key';
import type { HostData } from './host-data';
import type { Parsed } from './parsers';
import { readSettings } from './read-settings';
import { secretInputs } from './secret-inputs';
import { parseSecretSource } from './secret-source';
import { type InputName, inputs } from './table';

/** What stands in files of the job that is for the host: they may be made there. */
const ofItsJob: readonly InputName[] = ['extra-files', 'hooks', 'kexec'];

/**
 * What is wrong with the data of a host, as a run for it would say: so that a fleet is told before any of its runs begins.
 * No secret is read for it, and what the run's own inputs may still add is not missed.
 *
 * @param flake the host's, as `URI#NAME`
 */
export function problemsOfHost(flake: string, data: HostData): readonly InputProblem[] {
  const nobody = new SecretRegistry(() => undefined);
  // some way to log in
  const environment = { SSH_AUTH_SOCK: '/nonexistent' };
  try {
    readSettings({ flake }, nobody, new StandIns(), undefined, environment, tellable(data));
    return [];
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const isOwn = (input: string) => inputs.some(({ name }) => name !== 'flake' && name === input);
    return error.problems.filter(({ input }) => !isOwn(input));
  }
}

/** Whatever a source is called, it holds a key: of other secrets one cannot say what they would have to be. */
class StandIns extends Map<string, Parsed<Buffer>> {
  readonly #key = { ok: Buffer.from(makeKey().privateKey) };
  override get = () => this.#key;
}

function tellable(data: HostData): HostData {
  const isLeftOut = (name: string, text: string) =>
    ofItsJob.some((each) => each === name) || (isOtherSecret(name) && 'ok' in parseSecretSource(text));
  const told = Object.entries(data.inputs).filter(([name, text]) => !isLeftOut(name, text ?? ''));
  return { ...data, inputs: Object.fromEntries(told) };
}

const isOtherSecret = (name: string) =>
  secretInputs.some((each) => each === name) && !name.endsWith('-private-key');
