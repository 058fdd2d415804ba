import accessText from '../scripts/access.sh';
import authorizeText from '../scripts/authorize.sh';
import bootIdText from '../scripts/boot-id.sh';
import bridgeText from '../scripts/bridge.sh';
import bridgesEndText from '../scripts/bridges-end.sh';
import checkInstalledText from '../scripts/check-installed.sh';
import deauthorizeText from '../scripts/deauthorize.sh';
import detachedFollowText from '../scripts/detached-follow.sh';
import detachedStartText from '../scripts/detached-start.sh';
import disksText from '../scripts/disks.sh';
import factsText from '../scripts/facts.sh';
import hostKeysText from '../scripts/host-keys.sh';
import identityText from '../scripts/identity.sh';
import kernelLogText from '../scripts/kernel-log.sh';
import leaseText from '../scripts/lease.sh';
import leftoversText from '../scripts/leftovers.sh';
import mountedText from '../scripts/mounted.sh';
import rebootText from '../scripts/reboot.sh';
import stageText from '../scripts/stage.sh';
import switchText from '../scripts/switch.sh';
import unstageText from '../scripts/unstage.sh';
import type { Script } from './remote-command';

/** Looks only, or comes to the same when it is done again. */
const repeatable = (name: string, text: string): Script => ({ name, text, repeatable: true });
const once = (name: string, text: string): Script => ({ name, text, repeatable: false });

export const access = repeatable('access.sh', accessText);
export const authorize = once('authorize.sh', authorizeText);
export const bootId = once('boot-id.sh', bootIdText);
export const bridge = once('bridge.sh', bridgeText);
export const bridgesEnd = repeatable('bridges-end.sh', bridgesEndText);
export const checkInstalled = repeatable('check-installed.sh', checkInstalledText);
export const deauthorize = repeatable('deauthorize.sh', deauthorizeText);
export const detachedFollow = once('detached-follow.sh', detachedFollowText);
export const detachedStart = repeatable('detached-start.sh', detachedStartText);
export const disks = repeatable('disks.sh', disksText);
export const facts = repeatable('facts.sh', factsText);
export const hostKeys = repeatable('host-keys.sh', hostKeysText);
export const identity = repeatable('identity.sh', identityText);
export const kernelLog = repeatable('kernel-log.sh', kernelLogText);
/** Comes to the same when it is done again, but whoever renews does not want to connect for it. */
export const lease = once('lease.sh', leaseText);
export const leftovers = repeatable('leftovers.sh', leftoversText);
export const mounted = repeatable('mounted.sh', mountedText);
export const reboot = once('reboot.sh', rebootText);
export const stage = once('stage.sh', stageText);
export const switchTo = once('switch.sh', switchText);
export const unstage = repeatable('unstage.sh', unstageText);
