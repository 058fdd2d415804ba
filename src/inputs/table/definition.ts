/** One input of the action: the source for action.yml's contract test, the README and the list of known names. */
export interface InputDefinition {
  readonly name: string;
  readonly description: string;
  /** As a user would write it; undefined where there is none. Kept here and not in action.yml, so that a value's source is known. */
  readonly default?: string;
  /** What holds without the input, in words, where that is no value. */
  readonly otherwise?: string;
}
