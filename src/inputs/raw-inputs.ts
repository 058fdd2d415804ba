/** Values by input name; an empty or missing one was not given. */
export type RawInputs = Readonly<Record<string, string | undefined>>;

/**
 * The inputs as the runner hands them over: `INPUT_` and the name in capitals with blanks made underscores, dashes
 * kept. Read as they are, since a secret's last newline counts.
 */
export function readRawInputs(environment: NodeJS.ProcessEnv): RawInputs {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (name.startsWith('INPUT_') && value !== undefined)
      result[name.slice('INPUT_'.length).toLowerCase()] = value;
  }
  return result;
}
