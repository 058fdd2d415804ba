import { nixLayerKey } from '../cache/layer-key';
import type { Secret } from '../secrets';
import type { InputReader } from './input-reader';
import * as parse from './parsers';
import { readSecret } from './read-secret';
import type { CacheSettings } from './settings';

export const defaultCacheKey = 'nixos-anywhere';
/** GitHub takes 512 characters for a key, of which the rest is ours. */
const longestPrefix = 200;

export function readCache(reader: InputReader): CacheSettings {
  return {
    enabled: reader.optional('cache', parse.boolean, true),
    keyPrefix: reader.optional('cache-key', cacheKey, defaultCacheKey),
    signingKey: readSigningKey(reader),
  };
}

const cacheKey: parse.Parser<string> = (text) => {
  const key = text.trim();
  if (!/^[^\s,\p{Cc}]+$/u.test(key) || key.length > longestPrefix)
    return {
      problem: `is no beginning of a cache key; take up to ${longestPrefix} characters without commas and blanks`,
    };
  return { ok: key };
};

function readSigningKey(reader: InputReader): Secret | undefined {
  // for which no secret was loaded
  if (reader.text('plan')?.trim() === 'offline') return undefined;
  const text = readSecret(reader, 'cache-signing-key')?.toString('utf8').trim();
  if (text === undefined) return undefined;
  // what is secret in it, without its name
  reader.secrets.register(text.slice(text.indexOf(':') + 1));
  if (nixLayerKey(text) === undefined)
    reader.problem(
      'cache-signing-key',
      'is not a secret key of Nix (NAME:BASE64); make one with `nix key generate-secret --key-name NAME`',
    );
  return reader.secrets.register(text);
}
