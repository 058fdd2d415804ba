import { InputError, type InputProblem } from '../errors';
import type { SecretRegistry } from '../secrets';
import { given, type HostData, noHostData, withoutGiven } from './host-data';
import type { LoadedSecrets } from './load-secrets';
import type * as parse from './parsers';
import type { RawInputs } from './raw-inputs';
import { keyOf, type SecretSource } from './secret-source';
import type { Setting, Source } from './settings';
import { type InputName, inputs } from './table';

/** Room for the lines of a command that failed. An annotation with more is cut by GitHub, at its end. */
const longestProblem = 2000;

/** Without its middle, if it is long: what was wrong stands at the beginning, and what to do at the end. */
function shortened(problem: string): string {
  // what quotes a text may have cut a character in two
  if (problem.length <= longestProblem) return problem.toWellFormed();
  const [head, tail] = [problem.slice(0, longestProblem - 300), problem.slice(-300)];
  return `${head} … ${tail}`.toWellFormed();
}

/** Reads inputs one by one and keeps every problem, so that all can be told at once. */
export class InputReader {
  readonly secrets: SecretRegistry;
  readonly #raw: RawInputs;
  readonly #warn: (notice: string) => void;
  readonly #loaded: LoadedSecrets;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #host: HostData;
  readonly #problems: InputProblem[] = [];

  /**
   * @param warn tells the user, also when the inputs turn out to be wrong
   * @param host what the flake says of the host; what an input says too is left aside
   */
  constructor(
    raw: RawInputs,
    loaded: LoadedSecrets,
    secrets: SecretRegistry,
    warn: (notice: string) => void,
    environment: NodeJS.ProcessEnv,
    host: HostData = noHostData,
  ) {
    this.#warn = warn;
    this.#raw = raw;
    this.#loaded = loaded;
    this.#environment = environment;
    this.#host = withoutGiven(host, raw);
    this.secrets = secrets;
  }

  /** A variable of the step; set to nothing, or to blanks, is not set. */
  variable(name: string): string | undefined {
    return given(this.#environment, name);
  }

  text(name: InputName): string | undefined {
    return given(this.#raw, name) ?? given(this.#host.inputs, name);
  }

  /** Where its value comes from, if it has one. */
  sourceOf(name: InputName): Source {
    if (given(this.#raw, name) !== undefined) return 'input';
    return given(this.#host.inputs, name) === undefined ? 'default' : 'flake';
  }

  /** What the source holds. @returns undefined when it could not be read, which is a problem of the input then */
  contentsOf(input: InputName, source: SecretSource, where = ''): Buffer | undefined {
    const contents = this.#loaded.get(keyOf(source));
    if (contents === undefined) throw new Error(`a source of ${input} was not loaded`);
    if ('ok' in contents) return contents.ok;
    this.problem(input, `${where}${contents.problem}`);
    return undefined;
  }

  problem(input: string, problem: string): void {
    this.#problems.push({ input, problem: shortened(problem) });
  }

  /** What a user should know of an input, though it stops nothing. */
  notice(input: InputName, notice: string): void {
    this.#warn(`input ${this.#named(input)}: ${notice}`);
  }

  hasProblem(input: InputName): boolean {
    return [...this.#problems, ...this.#host.problems].some((problem) => problem.input === input);
  }

  optional<T>(name: InputName, parser: parse.Parser<T>, otherwise: T): Setting<T> {
    const text = this.text(name);
    if (text === undefined) return { value: otherwise, source: 'default' };
    const parsed = text.includes('\0') ? { problem: 'contains a NUL character' } : parser(text);
    if ('ok' in parsed) return { value: parsed.ok, ...this.#origin(name) };
    this.problem(name, parsed.problem);
    return { value: otherwise, source: 'default' };
  }

  /** @param placeholder stands in for a missing value until the problems are thrown */
  required<T>(name: InputName, parser: parse.Parser<T>, placeholder: T): Setting<T> {
    if (this.text(name) === undefined && !this.hasProblem(name)) this.problem(name, 'is required');
    return this.optional(name, parser, placeholder);
  }

  /** A misspelt name would silently leave its default in force, and the default may wipe a disk. */
  rejectUnknownNames(): void {
    const known: readonly string[] = inputs.map((input) => input.name);
    for (const name of Object.keys(this.#raw)) {
      if (known.includes(name)) continue;
      // a beginning of an input's name is nearer to it than to those that are a beginning of its own
      const similar =
        known.find((each) => each.replaceAll('-', '') === name.replaceAll(/[-_ ]/g, '')) ??
        known.find((each) => each.startsWith(name)) ??
        known.find((each) => name.startsWith(each));
      this.problem(
        name,
        `is not an input of this action${similar === undefined ? '' : `; did you mean ${similar}?`}`,
      );
    }
  }

  throwIfProblems(): void {
    const own = this.#problems.map(({ input, problem }) => ({ input: this.#named(input), problem }));
    const ofData = this.#host.problems.map(({ input, problem }) => ({
      input: input === 'flake' ? input : this.#inFlake(input),
      problem,
    }));
    if (own.length + ofData.length > 0) throw new InputError([...own, ...ofData]);
  }

  /** Whoever reads of a problem looks for the value where it stands. */
  #named(input: string): string {
    const inFlake = given(this.#raw, input) === undefined && given(this.#host.inputs, input) !== undefined;
    return inFlake ? this.#inFlake(input) : input;
  }

  #inFlake(input: string): string {
    return `${input} (${this.#placeOf(input)} of the flake)`;
  }

  #placeOf(input: string): string {
    return given(this.#host.places, input) ?? this.#host.attribute;
  }

  #origin(name: InputName): { readonly source: Source; readonly place?: string } {
    const source = this.sourceOf(name);
    return source === 'flake' ? { source, place: this.#placeOf(name) } : { source };
  }
}
