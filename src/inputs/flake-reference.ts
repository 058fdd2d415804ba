import { splitAttributePath } from './attribute-path';

/** A flake and one configuration in it. */
export interface FlakeReference {
  /** What stands before the `#`, for Nix to resolve. */
  readonly uri: string;
  /** The name in `nixosConfigurations`; empty where none was given: then a run can only say which there are. */
  readonly name: string;
  /** Attributes below it, for variants such as `config.virtualisation.vmVariant`; usually none. */
  readonly path: readonly string[];
  /** The folder whose files it has, where it is a copy that was made of them. */
  readonly copyOf?: string;
}

/** No path and no URL is longer. */
const longest = 4096;

/**
 * Reads `URI#NAME`. A NAME that begins with `nixosConfigurations.` names the attribute in full. Quoted parts may
 * contain dots.
 *
 * @returns the reference, or what is wrong with the text
 */
export function parseFlakeReference(given: string): FlakeReference | string {
  // a block of YAML ends in a line end
  const text = given.trim();
  if (/[\r\n]/.test(text)) return 'must be one line';
  if (text.length > longest) return `has more than ${longest} characters; write URI#NAME`;
  const hash = text.indexOf('#');
  const uri = (hash < 0 ? text : text.slice(0, hash)).trim();
  const fragment = hash < 0 ? '' : text.slice(hash + 1).trim();
  if (uri.startsWith('-')) return 'must not begin with a dash: Nix would take it for an option';
  if (fragment === '') return { uri: uri || '.', name: '', path: [] };
  const parts = splitAttributePath(fragment);
  if (parts === undefined)
    return `has the attribute ${fragment}, which cannot be read: quote names with dots or special characters, as in .#"host.example.org"`;
  if (parts.length > 1 && parts[0] === 'nixosConfigurations') {
    const [, name = '', ...path] = parts;
    return { uri: uri || '.', name, path };
  }
  // an unquoted name with dots is a name, as upstream takes it: hosts are often named by their domain
  const name = fragment.includes('"') ? parts[0] : fragment;
  if (name === undefined || (fragment.includes('"') && parts.length > 1)) {
    return `has the attribute ${fragment}; begin it with nixosConfigurations. to name a part of a configuration`;
  }
  return { uri: uri || '.', name, path: [] };
}
