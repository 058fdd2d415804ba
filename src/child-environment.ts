import type { SecretRegistry } from './secrets';

/** Names that carry the action's inputs, the runner's tokens or its command files: no child has a use for them. */
const withheld =
  /^(INPUT_|ACTIONS_|STATE_)|^GITHUB_(ENV|PATH|OUTPUT|STATE|STEP_SUMMARY)$|^(SSHPASS|SSH_PASS|SSH_PRIVATE_KEY)$|^FLEET_SECRET_/;

/** What no child works without: a secret such as `bin`, found there by chance, must not take it away. */
const essential =
  /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_\w+|TMPDIR|SSL_CERT_FILE|XDG_\w+|NIX_(?!CONFIG$)\w+)$/;

/**
 * The environment of every child process, built here and nowhere else: without the names above, without the variables
 * that inputs name by `env:`, and without every variable whose value contains a secret of this run.
 */
export function childEnvironment(
  environment: NodeJS.ProcessEnv,
  secrets: SecretRegistry,
): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined || withheld.test(name) || secrets.isWithheldVariable(name)) continue;
    if (essential.test(name) ? secrets.isSurelyContainedIn(value) : secrets.isContainedIn(value)) continue;
    result[name] = value;
  }
  return result;
}

/** What a user would miss without being told: Nix without its settings does not fetch what needs them, or builds it anew. */
export function withheldSettings(environment: NodeJS.ProcessEnv, secrets: SecretRegistry): readonly string[] {
  const name = 'NIX_CONFIG';
  if ((environment[name] ?? '') === '' || name in childEnvironment(environment, secrets)) return [];
  return [
    `${name} contains a secret that this step’s inputs hold too, or one so short that it is found there by chance: no child process gets it, and Nix works without what stands in it. Give Nix a secret of its own there, or its settings where it is installed.`,
  ];
}
