import { crc32, createDeflateRaw } from 'node:zlib';
import { through } from './compression.js';
import type { Transform } from './transform.js';
import {
  descriptor,
  type EntrySizes,
  flags,
  IN_ZIP64,
  le16,
  le32,
  le64,
  methods,
  signatures,
  ZIP64_FIELD,
} from './zip-format.js';

export interface ZipOptions {
  readonly entryName: string;
  /** Zip has no time zone: the time is written in UTC. Without one it is the first that zip knows. */
  readonly modifiedAt?: Date | undefined;
  readonly level?: number | undefined;
  /** Sizes from here on are written in 64 bits. */
  readonly zip64From?: number;
}

const VERSION = 20;
const VERSION_ZIP64 = 45;
const MADE_ON_UNIX = 3 << 8;
const REGULAR_FILE = (0o100644 << 16) >>> 0;

/** An archive with one entry. Sizes and checksum follow the data, since they are not known before. */
export function zip({ entryName, modifiedAt, level, zip64From = IN_ZIP64 }: ZipOptions): Transform {
  return async function* (input, signal) {
    const name = Buffer.from(entryName);
    const shared = [
      le16(flags.descriptor | flags.utf8),
      le16(methods.deflated),
      dosTime(modifiedAt ?? new Date(0)),
    ];
    const local = [
      le32(signatures.localFile),
      le16(VERSION),
      ...shared,
      Buffer.alloc(12),
      le16(name.length),
      le16(0),
    ];
    yield Buffer.concat([...local, name]);

    const sizes = { crc: 0, compressed: 0, size: 0 };
    const engine = createDeflateRaw(level === undefined ? {} : { level });
    for await (const chunk of through(measured(input, sizes), engine, signal)) {
      sizes.compressed += chunk.length;
      yield chunk;
    }
    const zip64 = Math.max(sizes.size, sizes.compressed) >= zip64From;
    const trailer = descriptor(sizes, { signed: true, wide: zip64 });
    yield trailer;

    const entry = centralHeader(name, shared, sizes, zip64);
    const at = 30 + name.length + sizes.compressed + trailer.length;
    yield Buffer.concat([entry, end({ at, length: entry.length, zip64: zip64 || at >= zip64From })]);
  };
}

async function* measured(
  input: AsyncIterable<Uint8Array>,
  sizes: { crc: number; size: number },
): AsyncGenerator<Uint8Array> {
  for await (const chunk of input) {
    sizes.crc = crc32(chunk, sizes.crc);
    sizes.size += chunk.length;
    yield chunk;
  }
}

function centralHeader(name: Buffer, shared: readonly Buffer[], sizes: EntrySizes, zip64: boolean): Buffer {
  const extra = zip64
    ? Buffer.concat([le16(ZIP64_FIELD), le16(16), le64(sizes.size), le64(sizes.compressed)])
    : Buffer.alloc(0);
  return Buffer.concat([
    le32(signatures.centralFile),
    le16(MADE_ON_UNIX | VERSION),
    le16(zip64 ? VERSION_ZIP64 : VERSION),
    ...shared,
    le32(sizes.crc),
    le32(zip64 ? IN_ZIP64 : sizes.compressed),
    le32(zip64 ? IN_ZIP64 : sizes.size),
    le16(name.length),
    le16(extra.length),
    // No comment, first disk, no internal attributes.
    Buffer.alloc(6),
    le32(REGULAR_FILE),
    // The local header starts at 0.
    le32(0),
    name,
    extra,
  ]);
}

interface Directory {
  readonly at: number;
  readonly length: number;
  readonly zip64: boolean;
}

function end({ at, length, zip64 }: Directory): Buffer {
  const counts = [le16(1), le16(1), le32(length), le32(zip64 ? IN_ZIP64 : at), le16(0)];
  const plain = Buffer.concat([le32(signatures.endOfDirectory), Buffer.alloc(4), ...counts]);
  if (!zip64) return plain;
  const record = Buffer.concat([
    le32(signatures.zip64End),
    // The length of what follows.
    le64(44),
    le16(MADE_ON_UNIX | VERSION_ZIP64),
    le16(VERSION_ZIP64),
    // This disk, and the one of the directory.
    Buffer.alloc(8),
    ...[le64(1), le64(1), le64(length), le64(at)],
  ]);
  const locator = Buffer.concat([le32(signatures.zip64Locator), le32(0), le64(at + length), le32(1)]);
  return Buffer.concat([record, locator, plain]);
}

/** Zip's own form of time: from 1980 to 2107, to two seconds. */
function dosTime(date: Date): Buffer {
  const year = Math.min(Math.max(date.getUTCFullYear(), 1980), 2107);
  if (year !== date.getUTCFullYear()) return Buffer.concat([le16(0), le16(1 | (1 << 5))]);
  const time = (date.getUTCHours() << 11) | (date.getUTCMinutes() << 5) | (date.getUTCSeconds() >> 1);
  const day = ((year - 1980) << 9) | ((date.getUTCMonth() + 1) << 5) | date.getUTCDate();
  return Buffer.concat([le16(time), le16(day)]);
}
