import type { Parsed } from './parsers';

/** Where the contents of a secret come from. */
export type SecretSource =
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'exec'; readonly command: string }
  | { readonly kind: 'path'; readonly path: string };

/** Whether an input that takes contents names a source instead: no key begins like that. */
export function namesSource(text: string): boolean {
  return /^\s*(env|exec):/.test(text);
}

/**
 * One grammar for all inputs that take a secret or a file: `env:NAME`, `exec:COMMAND`, or a path on the runner. A path
 * that begins with one of these words is written with ./ before it.
 */
export function parseSecretSource(text: string): Parsed<SecretSource> {
  const value = text.trim();
  const [, kind, rest = ''] = /^(env|exec):(.*)$/s.exec(value) ?? [];
  if (kind === 'env') {
    return /^[A-Za-z_][A-Za-z0-9_]*$/.test(rest)
      ? { ok: { kind, name: rest } }
      : { problem: 'names no variable after env:; write env:NAME' };
  }
  if (kind === 'exec') {
    return rest.trim() === ''
      ? { problem: 'has no command after exec:; write exec:COMMAND' }
      : { ok: { kind, command: rest.trim() } };
  }
  return value === ''
    ? { problem: 'names no source; write a path, env:NAME or exec:COMMAND' }
    : { ok: { kind: 'path', path: value } };
}

/** The source as text; two that are the same are read once. Not for the log: a command may say more than it should. */
export function keyOf(source: SecretSource): string {
  switch (source.kind) {
    case 'env':
      return `env:${source.name}`;
    case 'exec':
      return `exec:${source.command}`;
    case 'path':
      return `path:${source.path}`;
  }
}
