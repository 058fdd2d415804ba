import { errorMessage } from '../errors';
import * as scripts from '../ssh/scripts';
import type { PhaseContext } from './context';
import { netrcPath } from './daemon-options';

/** How long removing it may take, in milliseconds, when the connection is a bad one. */
const removalMs = 20_000;

/** Does work for which the target's Nix needs the netrc, which lies there only meanwhile. */
export async function withNetrc<T>(context: PhaseContext, work: () => Promise<T>): Promise<T> {
  const { settings, target, runtime, cleanUp, facts } = context;
  const contents = settings.copy.netrc?.revealBytes();
  if (contents === undefined) return work();
  const remove = (signal: AbortSignal) =>
    target.run(scripts.removeSecret, [netrcPath], { privileged: true, signal });
  const forget = cleanUp.leave({ what: 'The netrc on the target', bootId: facts.bootId, remove });
  await target.run(scripts.putSecret, [netrcPath, String(contents.length)], {
    privileged: true,
    stdin: contents,
  });
  const result = await work();
  // after a failure, and where this does not succeed, it is removed at the end
  await remove(AbortSignal.any([runtime.signal, AbortSignal.timeout(removalMs)])).then(
    forget,
    (error: unknown) => runtime.log.debug(`the netrc is removed later: ${errorMessage(error)}`),
  );
  return result;
}
