import type { MachineSettings } from '../inputs/settings';
import type { Login } from '../ssh/authentication';

/** How one logs in to the machine as it is found. */
export function loginNow({ login }: MachineSettings): Login {
  return {
    ...withoutPasswords(login),
    password: login.password?.reveal(),
    sudoPassword: login.sudoPassword?.reveal(),
  };
}

/** How one logs in to jump hosts: nobody but the machine itself gets a password. */
export function loginOfJumpHost({ login, jumpPrivateKey }: MachineSettings): Login {
  return jumpPrivateKey === undefined ? withoutPasswords(login) : { privateKey: jumpPrivateKey.reveal() };
}

/** How one logs in to the installer that this run starts: it has been given the key, and asks root for no password. */
export function loginOfInstaller({ login }: MachineSettings): Login {
  return { privateKey: login.privateKey.reveal() };
}

/** How one logs in to the installer of an earlier run, which knows neither that run's passwords nor this run's key. */
export function loginOfEarlierInstaller({ login }: MachineSettings): Login | undefined {
  return login.keyIsGiven || login.agentSocket !== undefined ? withoutPasswords(login) : undefined;
}

/** How one logs in to the system that was installed, or switched to. */
export function loginAfterwards(settings: MachineSettings): Login {
  const key = settings.postInstall.privateKey;
  return key === undefined ? loginNow(settings) : { ...loginNow(settings), privateKey: key.reveal() };
}

/** A key that was made for this run lets in nowhere but where it was brought, and would only cost a try. */
function withoutPasswords({ privateKey, keyIsGiven, agentSocket }: MachineSettings['login']): Login {
  return keyIsGiven ? { privateKey: privateKey.reveal() } : { agentSocket };
}
