/** A file or a link as an archive names it; its contents follow the header. */
export interface TarEntry {
  /** Relative, without a slash at either end. */
  readonly name: string;
  readonly kind: 'file' | 'link';
  /** Permission bits. */
  readonly mode: number;
  /** In bytes; of a link 0. */
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly modifiedMs: number;
  /** Where a link leads; empty for a file. */
  readonly target: string;
}

const block = 512;

/** Two empty blocks. */
export const endOfTar = Buffer.alloc(2 * block);

/** What fills the last block of a file of this size. */
export function padding(size: number): Buffer {
  return Buffer.alloc((block - (size % block)) % block);
}

/**
 * The header of one entry, owned by root, in the format of GNU tar: the only one in which GNU tar, BusyBox and bsdtar all
 * read names of more than 100 bytes. Libraries write such names in pax records, which BusyBox takes no notice of.
 */
export function tarHeader({ name, kind, mode, size, modifiedMs, target }: TarEntry): Buffer {
  return Buffer.concat([
    ...longText('L', name),
    ...longText('K', target),
    headerBlock({
      name,
      target,
      mode,
      size,
      seconds: Math.max(Math.floor(modifiedMs / 1000), 0),
      type: kind === 'file' ? '0' : '2',
    }),
  ]);
}

/** An entry of its own that gives the name, or the link's target, of the next one. */
function longText(type: 'L' | 'K', text: string): Buffer[] {
  const bytes = Buffer.from(`${text}\0`);
  if (bytes.length <= 100) return [];
  const fields = { name: '././@LongLink', target: '', mode: 0, size: bytes.length, seconds: 0, type };
  return [headerBlock(fields), bytes, padding(bytes.length)];
}

interface HeaderFields {
  readonly name: string;
  readonly target: string;
  readonly mode: number;
  readonly size: number;
  readonly seconds: number;
  readonly type: string;
}

function headerBlock({ name, target, mode, size, seconds, type }: HeaderFields): Buffer {
  const header = Buffer.alloc(block);
  Buffer.from(name).copy(header, 0, 0, 100);
  header.write(octal(mode, 7), 100);
  header.write(octal(0, 7), 108);
  header.write(octal(0, 7), 116);
  writeNumber(header, size, 124);
  writeNumber(header, seconds, 136);
  header.write(' '.repeat(8), 148);
  header.write(type, 156);
  Buffer.from(target).copy(header, 157, 0, 100);
  header.write('ustar  \0', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${octal(sum, 6)}\0 `, 148);
  return header;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}

/** In 12 bytes: as octal digits, or, from 8 GiB on, in base 256 with its highest bit set. */
function writeNumber(header: Buffer, value: number, at: number): void {
  if (value < 8 ** 11) {
    header.write(octal(value, 11), at);
    return;
  }
  header[at] = 0x80;
  header.writeBigUInt64BE(BigInt(value), at + 4);
}
