// SFTP version 3 as bytes: draft-ietf-secsh-filexfer-02, and OpenSSH's extensions (its file PROTOCOL, section 4).
import { isUtf8 } from 'node:buffer';
import { StorageError } from '@waybill/storage';

/** Types of requests. */
export const Request = {
  init: 1,
  open: 3,
  close: 4,
  read: 5,
  write: 6,
  lstat: 7,
  fstat: 8,
  setstat: 9,
  fsetstat: 10,
  opendir: 11,
  readdir: 12,
  remove: 13,
  mkdir: 14,
  rmdir: 15,
  realpath: 16,
  stat: 17,
  rename: 18,
  extended: 200,
} as const;

/** Types of answers. */
export const Answer = {
  version: 2,
  status: 101,
  handle: 102,
  data: 103,
  name: 104,
  attributes: 105,
  extendedReply: 201,
} as const;

/** What a server says of a file. It may leave out any of it. */
export interface Attributes {
  readonly size: number | undefined;
  /** Type and permission bits. */
  readonly mode: number | undefined;
  /** Seconds since 1970. */
  readonly atime: number | undefined;
  /** Seconds since 1970. */
  readonly mtime: number | undefined;
}

/** One entry of a NAME answer. */
export interface Named {
  readonly filename: string;
  /** false: some bytes of the name are not UTF-8, and `filename` does not lead back to it. */
  readonly utf8: boolean;
  /** As `ls -l` would print it; free text. */
  readonly longname: string;
  readonly attributes: Attributes;
}

const HAS_SIZE = 0x1;
const HAS_OWNER = 0x2;
const HAS_MODE = 0x4;
const HAS_TIMES = 0x8;
const HAS_EXTENDED = 0x8000_0000;

export function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function uint64(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

/** Length and bytes. */
export function string(value: string | Uint8Array): Buffer {
  const length = typeof value === 'string' ? Buffer.byteLength(value) : value.length;
  const bytes = Buffer.allocUnsafe(4 + length);
  bytes.writeUInt32BE(length);
  if (typeof value === 'string') bytes.write(value, 4);
  else bytes.set(value, 4);
  return bytes;
}

export const NO_ATTRIBUTES = uint32(0);

export function sizeAttribute(size: number): Buffer {
  return Buffer.concat([uint32(HAS_SIZE), uint64(size)]);
}

/** @param seconds whole ones since 1970, for both times of a file: version 3 knows no way to set one of them alone */
export function fileAttributes({
  mode,
  seconds,
}: {
  readonly mode?: number | undefined;
  readonly seconds?: number | undefined;
}): Buffer {
  const modes = mode === undefined ? [] : [uint32(mode)];
  const times = seconds === undefined ? [] : [uint32(seconds), uint32(seconds)];
  const flags = (modes.length && HAS_MODE) | (times.length && HAS_TIMES);
  return Buffer.concat([uint32(flags), ...modes, ...times]);
}

/**
 * Reads the fields of an answer, one after the other. Nothing that a server claims makes it read beyond the answer, or
 * reserve memory.
 * @throws StorageError `protocol-error` where the answer ends within a field
 */
export class Fields {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  uint32(): number {
    return this.#take(4).readUInt32BE();
  }

  /** Above 2^53 it is not exact, and no safe integer. */
  uint64(): number {
    return Number(this.#take(8).readBigUInt64BE());
  }

  /** A view, not a copy. */
  string(): Buffer {
    return this.#take(this.uint32());
  }

  text(): string {
    return this.string().toString();
  }

  /** What is left, as a view. */
  rest(): Buffer {
    return this.#take(this.#bytes.length - this.#at);
  }

  get ended(): boolean {
    return this.#at === this.#bytes.length;
  }

  attributes(): Attributes {
    const flags = this.uint32();
    const size = flags & HAS_SIZE ? this.uint64() : undefined;
    if (flags & HAS_OWNER) this.#take(8);
    const mode = flags & HAS_MODE ? this.uint32() : undefined;
    const atime = flags & HAS_TIMES ? this.uint32() : undefined;
    const mtime = flags & HAS_TIMES ? this.uint32() : undefined;
    // Each takes eight bytes at least, so that a count that lies ends at the end of the answer.
    if (flags & HAS_EXTENDED)
      for (let left = this.uint32(); left > 0; left--) {
        this.string();
        this.string();
      }
    return { size, mode, atime, mtime };
  }

  names(): Named[] {
    const found: Named[] = [];
    for (let left = this.uint32(); left > 0; left--) {
      const filename = this.string();
      const longname = this.text();
      const attributes = this.attributes();
      found.push({ filename: filename.toString(), utf8: isUtf8(filename), longname, attributes });
    }
    return found;
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length)
      throw new StorageError(
        'protocol-error',
        `an answer of the server is malformed: a field of ${length} bytes at byte ${this.#at} of ${this.#bytes.length}`,
      );
    const field = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return field;
  }
}
