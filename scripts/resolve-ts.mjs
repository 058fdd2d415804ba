// `node --import ./scripts/resolve-ts.mjs`: lets Node read the sources, whose imports name no file extension.
import { registerHooks } from 'node:module';

registerHooks({
  resolve(specifier, context, next) {
    const isSource = specifier.startsWith('.') && !/\.[a-z]+$/.test(specifier);
    return next(isSource ? `${specifier}.ts` : specifier, context);
  },
});
