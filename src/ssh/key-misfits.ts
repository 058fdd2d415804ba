import { firstLine, type KeyHeader, readHeader } from './openssh-key';

/** Those of OpenSSH that ssh2 can decrypt. */
const ciphers = /^(none|aes(128|192|256)-(cbc|ctr)|aes(128|256)-gcm@openssh\.com|3des-cbc)$/;

/** ssh2 derives the key in JavaScript, at up to 20 ms a round, and nothing else goes on meanwhile. */
const mostRounds = 1000;

const types = /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521))$/;

export const damaged =
  'cannot be read as a private key: it is damaged; paste the whole file, with its first and last line';

export const dsa =
  'is a DSA key, which SSH servers do not take any more; make another (ssh-keygen -t ed25519)';

export const unknownType =
  'is of a type that is not supported; give an ed25519, RSA or ECDSA key (nistp256, nistp384, nistp521)';

/** What there is to say against a text, with Unix line ends, before it is read as a private key. */
export function nameMisfit(text: string): string | undefined {
  return nameOtherThing(text) ?? nameIncomplete(text) ?? nameUnusable(text);
}

function nameOtherThing(text: string): string | undefined {
  if (/^[a-z0-9@.-]+-cert-v01@openssh\.com AAAA/.test(text))
    return 'is an SSH certificate; paste the private key (the file without -cert.pub)';
  if (
    /^(ssh|ecdsa|sk)-[a-z0-9@.-]+ AAAA|^-----BEGIN (RSA |EC )?PUBLIC KEY-|^---- BEGIN SSH2 PUBLIC KEY/.test(
      text,
    )
  )
    return 'is a public key; paste the whole private key (the file without .pub)';
  if (/^-----BEGIN ([A-Z0-9]+ )?CERTIFICATE( REQUEST)?-/.test(text))
    return 'is an X.509 certificate; paste the private key that belongs to it';
  if (text.startsWith('PuTTY-User-Key-File'))
    return 'is a PuTTY key; export it in OpenSSH format (puttygen KEY -O private-openssh)';
  return undefined;
}

function nameIncomplete(text: string): string | undefined {
  if (!text.startsWith('-----BEGIN '))
    return `is not a private key: it must begin with a line such as ${firstLine}`;
  if (!/-----END [A-Z ]+-----\n$/.test(text))
    return 'is cut off: its last line, -----END … PRIVATE KEY-----, is missing; paste the whole file';
  return undefined;
}

/** A private key, but none that can be used, whatever the passphrase. */
function nameUnusable(text: string): string | undefined {
  if (text.startsWith('-----BEGIN DSA PRIVATE KEY-----')) return dsa;
  if (!text.startsWith(firstLine)) return undefined;
  const header = readHeader(text);
  return header === undefined ? damaged : (nameType(header) ?? nameCipher(header));
}

function nameType({ type }: KeyHeader): string | undefined {
  if (types.test(type)) return undefined;
  if (type === 'ssh-dss') return dsa;
  return /^sk-(ssh|ecdsa)-/.test(type)
    ? 'is only the handle of a key in a FIDO security key, which somebody has to touch; give a key that is a file of its own (ssh-keygen -t ed25519)'
    : unknownType;
}

function nameCipher({ cipher, rounds }: KeyHeader): string | undefined {
  if (!ciphers.test(cipher)) {
    // what is no name is no cipher, but damage
    const name = /^[a-z0-9@.-]{1,64}$/.test(cipher) ? cipher : 'something unknown';
    return `is encrypted with ${name}, which is not supported; convert it with \`ssh-keygen -p -Z aes256-ctr -f KEY\``;
  }
  return rounds > mostRounds
    ? `is protected with ${rounds} rounds of bcrypt, more than ${mostRounds}, which would take too long; convert it with \`ssh-keygen -p -a 100 -f KEY\``
    : undefined;
}
