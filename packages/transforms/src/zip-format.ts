import { PathRefused, parsePath, printableName } from '@waybill/domain';
import iconv from 'iconv-lite';
import { TransformError } from './transform-error.js';

/** The first four bytes of each record, as a little-endian number (APPNOTE.TXT 4.3). */
export const signatures = {
  localFile: 0x04034b50,
  descriptor: 0x08074b50,
  centralFile: 0x02014b50,
  endOfDirectory: 0x06054b50,
  zip64End: 0x06064b50,
  zip64Locator: 0x07064b50,
} as const;

export const methods = { stored: 0, deflated: 8 } as const;
export const flags = {
  encrypted: 0x1,
  descriptor: 0x8,
  strongEncryption: 0x40,
  utf8: 0x800,
  masked: 0x2000,
} as const;

/** In a field of 32 bits: the number stands in the zip64 field. */
export const IN_ZIP64 = 0xffffffff;
export const ZIP64_FIELD = 0x0001;

/** What there is to know of an entry's data. */
export interface EntrySizes {
  readonly crc: number;
  readonly compressed: number;
  readonly size: number;
}

/** The part that local and central headers share. */
export interface EntryHeader extends EntrySizes {
  readonly flags: number;
  readonly method: number;
  readonly rawName: Buffer;
  /** Sizes are held in 64 bits, here and in the data descriptor. */
  readonly zip64: boolean;
}

/** The header after its signature. @param bytes the fixed part @param tail name and extra fields */
export function readLocalHeader(bytes: Buffer, tail: Buffer): EntryHeader {
  const nameLength = bytes.readUInt16LE(22);
  const zip64 = zip64Numbers(tail.subarray(nameLength));
  const size = wide(bytes.readUInt32LE(18), zip64);
  const compressed = wide(bytes.readUInt32LE(14), zip64);
  return {
    flags: bytes.readUInt16LE(2),
    method: bytes.readUInt16LE(4),
    crc: bytes.readUInt32LE(10),
    compressed,
    size,
    rawName: tail.subarray(0, nameLength),
    zip64: zip64.present,
  };
}

export interface CentralHeader extends EntryHeader {
  /** Where the entry's local header starts. */
  readonly offset: number;
}

export function readCentralHeader(bytes: Buffer, tail: Buffer): CentralHeader {
  const nameLength = bytes.readUInt16LE(24);
  const extra = tail.subarray(nameLength, nameLength + bytes.readUInt16LE(26));
  const zip64 = zip64Numbers(extra);
  const size = wide(bytes.readUInt32LE(20), zip64);
  const compressed = wide(bytes.readUInt32LE(16), zip64);
  return {
    flags: bytes.readUInt16LE(4),
    method: bytes.readUInt16LE(6),
    crc: bytes.readUInt32LE(12),
    compressed,
    size,
    offset: wide(bytes.readUInt32LE(38), zip64),
    rawName: tail.subarray(0, nameLength),
    zip64: zip64.present,
  };
}

/** The numbers of the zip64 field, to be taken in order: those alone are there that didn't fit their own field. */
interface Zip64Numbers {
  readonly present: boolean;
  next(): number;
}

function zip64Numbers(extra: Buffer): Zip64Numbers {
  const field = extraField(extra, ZIP64_FIELD);
  let at = 0;
  return {
    present: field !== undefined,
    next() {
      if (!field || at + 8 > field.length) throw new TransformError('damaged', 'a zip64 field is cut short');
      at += 8;
      return readWide(field, at - 8);
    },
  };
}

function wide(narrow: number, zip64: Zip64Numbers): number {
  return narrow === IN_ZIP64 && zip64.present ? zip64.next() : narrow;
}

export function readWide(bytes: Buffer, at: number): number {
  const number = bytes.readBigUInt64LE(at);
  if (number > BigInt(Number.MAX_SAFE_INTEGER))
    throw new TransformError('damaged', `the archive holds the impossible size or position ${number}`);
  return Number(number);
}

function extraField(extra: Buffer, id: number): Buffer | undefined {
  for (let at = 0; at + 4 <= extra.length; ) {
    const length = extra.readUInt16LE(at + 2);
    if (extra.readUInt16LE(at) === id) return extra.subarray(at + 4, at + 4 + length);
    at += 4 + length;
  }
  return undefined;
}

/** The data descriptor that has to follow an entry's data, in the given one of its four forms. */
export function descriptor(sizes: EntrySizes, form: { signed: boolean; wide: boolean }): Buffer {
  const parts = [form.signed ? le32(signatures.descriptor) : Buffer.alloc(0), le32(sizes.crc)];
  const number = form.wide ? le64 : le32;
  return Buffer.concat([...parts, number(sizes.compressed), number(sizes.size)]);
}

export function le16(number: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(number);
  return bytes;
}

export function le32(number: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(number % 2 ** 32);
  return bytes;
}

export function le64(number: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(number));
  return bytes;
}

/**
 * The name of an entry, which no archive can make point elsewhere. A directory's ends in `/`.
 * @throws TransformError `unsafe-name`
 */
export function safeEntryName(raw: Buffer, flagsOfEntry: number): string {
  const name = flagsOfEntry & flags.utf8 ? raw.toString('utf8') : iconv.decode(raw, 'cp437');
  const path = name.endsWith('/') ? name.slice(0, -1) : name;
  const why = whyUnsafe(path);
  if (why)
    throw new TransformError('unsafe-name', `the archive has an entry "${printableName(name)}": ${why}`);
  return name;
}

function whyUnsafe(path: string): string | undefined {
  if (path.includes('\\')) return 'it holds a "\\", which some systems take for a "/"';
  if (/^[a-z]:/i.test(path)) return 'it names a drive';
  try {
    return parsePath(path) === path && path !== '' ? undefined : 'it is not a plain relative path';
  } catch (error) {
    if (error instanceof PathRefused) return error.message;
    throw error;
  }
}
