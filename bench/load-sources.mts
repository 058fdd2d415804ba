// For `node --import`: runs the sources as they are, where the bundle would have put them together. Node strips the
// types itself; what is added is what tsc and scripts/embed.mjs do.
import { existsSync, readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

registerHooks({
  resolve(specifier, context, next) {
    if (specifier.startsWith('.') && context.parentURL?.startsWith('file:')) {
      const source = new URL(`${specifier}.ts`, context.parentURL);
      // the format, because package.json names none
      if (existsSync(source)) return { url: source.href, format: 'module-typescript', shortCircuit: true };
    }
    return next(specifier, context);
  },
  load(url, context, next) {
    if (!/\.(sh|nix)$/.test(url)) return next(url, context);
    const text = readFileSync(new URL(url), 'utf8');
    return { format: 'module', source: `export default ${JSON.stringify(text)};`, shortCircuit: true };
  },
});
