// Embedded as text: by scripts/embed.mjs in the bundle, by vitest.config.mts in tests.
declare module '*.sh' {
  const text: string;
  export default text;
}
declare module '*.nix' {
  const text: string;
  export default text;
}
