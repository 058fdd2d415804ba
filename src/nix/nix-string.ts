/** A Nix string literal. */
export function nixString(text: string): string {
  return `"${text
    .replace(/[\\"]|\$(?=\{)/g, '\\$&')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll('\t', '\\t')}"`;
}
