import { crc32, createInflateRaw } from 'node:zlib';
import { printableName, type StageFindings } from '@waybill/domain';
import { ByteReader } from './byte-reader.js';
import { inflate } from './compression.js';
import { type ExpansionLimits, withinLimits } from './limits.js';
import type { Transform } from './transform.js';
import { TransformError } from './transform-error.js';
import {
  type CentralHeader,
  descriptor,
  type EntryHeader,
  type EntrySizes,
  flags,
  methods,
  readCentralHeader,
  readLocalHeader,
  readWide,
  safeEntryName,
  signatures,
} from './zip-format.js';

export interface UnzipOptions {
  /** The full name of the wanted entry; without it the archive must have exactly one file. */
  readonly entry?: string | undefined;
  readonly limits: ExpansionLimits;
  found(findings: StageFindings): void;
}

/** An entry whose data was read and whose checksum and sizes are proven. */
interface Seen extends EntrySizes {
  readonly name: string;
  readonly header: EntryHeader;
}

/**
 * Reads an archive from front to back, without going back: so the data comes first, and the directory at the end has
 * to say the same of every entry, or the iteration fails. Entries that aren't wanted are read and checked as well.
 */
export function unzip(options: UnzipOptions): Transform {
  return async function* (input) {
    const reader = new ByteReader(input);
    try {
      yield* withinLimits(archive(reader, options), () => reader.position, options.limits);
    } finally {
      await reader.close();
    }
  };
}

async function* archive(reader: ByteReader, options: UnzipOptions): AsyncGenerator<Uint8Array> {
  const entries = new Map<number, Seen>();
  const progress = { passedOver: 0 };
  let wanted: string | undefined;
  while ((await nextSignature(reader)) === signatures.localFile) {
    if (entries.size === options.limits.maxEntries)
      throw new TransformError(
        'too-large',
        `the archive has more than the ${entries.size} entries that are allowed`,
      );
    const offset = reader.position;
    const header = await localHeader(reader);
    const name = safeEntryName(header.rawName, header.flags);
    const isWanted = isSelected(name, options.entry);
    if (isWanted && wanted !== undefined) throw tooMany(wanted, name, options.entry);
    if (isWanted) wanted = name;

    const data = entryData(reader, header);
    let step = await data.next();
    for (; !step.done; step = await data.next()) {
      if (isWanted) yield step.value;
      else progress.passedOver = within(progress.passedOver + step.value.length, options.limits);
    }
    entries.set(offset, { ...step.value, name, header });
  }
  await directory(reader, entries);
  if (wanted === undefined) throw missing(options.entry, [...entries.values()]);
  options.found({ entry: wanted });
}

async function nextSignature(reader: ByteReader): Promise<number> {
  const bytes = await reader.peek(4);
  return bytes.length < 4 ? 0 : bytes.readUInt32LE();
}

async function localHeader(reader: ByteReader): Promise<EntryHeader> {
  await reader.take(4);
  const fixed = await reader.take(26);
  const header = readLocalHeader(fixed, await reader.take(fixed.readUInt16LE(22) + fixed.readUInt16LE(24)));
  const name = printableName(header.rawName.toString());
  const why = whyUnsupported(header);
  if (why) throw new TransformError('unsupported', `entry "${name}" ${why}`);
  return header;
}

function whyUnsupported(header: EntryHeader): string | undefined {
  if (header.flags & (flags.encrypted | flags.strongEncryption | flags.masked))
    return 'is encrypted, which is not supported for zip; ask the sender to use OpenPGP';
  if (header.method !== methods.stored && header.method !== methods.deflated)
    return `is compressed by method ${header.method}; ask the sender for deflate, which every zip program has`;
  const isDirectory = header.rawName.at(-1) === '/'.charCodeAt(0);
  if (
    header.method === methods.stored &&
    header.flags & flags.descriptor &&
    header.compressed === 0 &&
    !isDirectory
  )
    return 'is stored without its size, so that its end cannot be told; ask the sender for deflate';
  return undefined;
}

function isSelected(name: string, entry: string | undefined): boolean {
  return entry === undefined ? !name.endsWith('/') : name === entry;
}

/** The content of one entry; returns what was found of it, once it fits what the header or the descriptor says. */
async function* entryData(reader: ByteReader, header: EntryHeader): AsyncGenerator<Uint8Array, EntrySizes> {
  const start = reader.position;
  const found = { crc: 0, compressed: 0, size: 0 };
  const isDeflated = header.method === methods.deflated;
  const content = isDeflated ? inflate(reader, createInflateRaw()) : reader.pieces(header.compressed);
  for await (const chunk of content) {
    found.crc = crc32(chunk, found.crc);
    found.size += chunk.length;
    yield chunk;
  }
  found.compressed = reader.position - start;
  if (header.flags & flags.descriptor) await takeDescriptor(reader, header, found);
  else requireSame(header, found, header.rawName);
  return found;
}

/** The descriptor may have a signature or not, and numbers of 32 or 64 bits: the one fits that says what was found. */
async function takeDescriptor(reader: ByteReader, header: EntryHeader, found: EntrySizes): Promise<void> {
  const ahead = await reader.peek(28);
  for (const wide of [header.zip64, !header.zip64])
    for (const signed of [true, false]) {
      const expected = descriptor(found, { signed, wide });
      const next = ahead.subarray(expected.length, expected.length + 2).toString();
      if (next === 'PK' && expected.equals(ahead.subarray(0, expected.length))) {
        await reader.take(expected.length);
        return;
      }
    }
  throw damaged(header.rawName, 'its checksum or size is not the one that the archive says');
}

function requireSame(said: EntrySizes, found: EntrySizes, rawName: Buffer): void {
  for (const what of ['size', 'compressed', 'crc'] as const)
    if (said[what] !== found[what])
      throw damaged(rawName, `its ${LABELS[what]} is ${found[what]}, but the archive says ${said[what]}`);
}

const LABELS = { size: 'size', compressed: 'compressed size', crc: 'checksum' } as const;

function damaged(rawName: Buffer, what: string): TransformError {
  const name = printableName(rawName.toString());
  return new TransformError(
    'damaged',
    `entry "${name}" is damaged: ${what}; ask the sender for the archive again`,
  );
}

/** The directory has to list exactly the entries that were read, and to be the end of the archive. */
async function directory(reader: ByteReader, entries: ReadonlyMap<number, Seen>): Promise<void> {
  const start = reader.position;
  const left = new Map(entries);
  while ((await nextSignature(reader)) === signatures.centralFile) {
    const central = await centralHeader(reader);
    requireListed(central, left.get(central.offset));
    left.delete(central.offset);
  }
  const [unlisted] = left.values();
  if (unlisted)
    throw damaged(unlisted.header.rawName, 'the directory at the end of the archive does not list it');
  await endOfArchive(reader, { start, length: reader.position - start, count: entries.size });
}

async function centralHeader(reader: ByteReader): Promise<CentralHeader> {
  await reader.take(4);
  const fixed = await reader.take(42);
  const tail = fixed.readUInt16LE(24) + fixed.readUInt16LE(26) + fixed.readUInt16LE(28);
  return readCentralHeader(fixed, await reader.take(tail));
}

function requireListed(central: CentralHeader, seen: Seen | undefined): void {
  if (!seen)
    throw damaged(central.rawName, `the directory lists it at byte ${central.offset}, where it is not`);
  if (!central.rawName.equals(seen.header.rawName))
    throw damaged(
      seen.header.rawName,
      `the directory calls it "${printableName(central.rawName.toString())}"`,
    );
  if (central.method !== seen.header.method)
    throw damaged(central.rawName, 'the directory says another method');
  requireSame(central, seen, central.rawName);
}

interface DirectoryFound {
  readonly start: number;
  readonly length: number;
  readonly count: number;
}

async function endOfArchive(reader: ByteReader, found: DirectoryFound): Promise<void> {
  const wide = await zip64End(reader);
  if ((await nextSignature(reader)) !== signatures.endOfDirectory) throw await noRecord(reader);
  const end = await reader.take(22);
  const said = wide ?? {
    count: end.readUInt16LE(10),
    length: end.readUInt32LE(12),
    start: end.readUInt32LE(16),
  };
  for (const what of ['count', 'length', 'start'] as const)
    if (said[what] !== found[what])
      throw new TransformError(
        'damaged',
        `the ${what} of the archive's directory is ${found[what]}, but its end says ${said[what]}`,
      );
  await reader.take(end.readUInt16LE(20));
  if (await reader.chunk())
    throw new TransformError('damaged', `data follows the end of the archive; ask the sender for it again`);
}

async function zip64End(reader: ByteReader): Promise<DirectoryFound | undefined> {
  if ((await nextSignature(reader)) !== signatures.zip64End) return undefined;
  const fixed = await reader.take(56);
  const rest = readWide(fixed, 4) - 44;
  if (rest < 0 || rest > 0xffff)
    throw new TransformError('damaged', 'the zip64 end record has an impossible length');
  await reader.take(rest);
  if ((await nextSignature(reader)) === signatures.zip64Locator) await reader.take(20);
  return { count: readWide(fixed, 32), length: readWide(fixed, 40), start: readWide(fixed, 48) };
}

async function noRecord(reader: ByteReader): Promise<TransformError> {
  const ahead = await reader.peek(4);
  const at = `at byte ${reader.position}`;
  if (ahead.length < 4) return new TransformError('damaged', `the archive is cut short: it ends ${at}`);
  const hint =
    reader.position === 0 ? 'it is no zip archive, or one in several parts' : 'ask the sender for it again';
  return new TransformError(
    'damaged',
    `${at} no record of a zip archive starts (${ahead.toString('hex')}); ${hint}`,
  );
}

function within(passedOver: number, limits: ExpansionLimits): number {
  if (passedOver <= limits.maxBytes) return passedOver;
  throw new TransformError(
    'too-large',
    `the entries that are passed over exceed the limit of ${limits.maxBytes} bytes`,
  );
}

function tooMany(first: string, second: string, entry: string | undefined): TransformError {
  const names = `"${printableName(first)}" and "${printableName(second)}"`;
  return entry === undefined
    ? new TransformError(
        'wrong-entries',
        `the archive has more than one file (${names}); name the "entry" to take`,
      )
    : new TransformError('wrong-entries', `the archive has two entries named "${printableName(entry)}"`);
}

function missing(entry: string | undefined, entries: readonly Seen[]): TransformError {
  if (entry === undefined) return new TransformError('wrong-entries', 'the archive has no file in it');
  const names = entries.slice(0, 10).map(({ name }) => `"${printableName(name)}"`);
  return new TransformError(
    'wrong-entries',
    `the archive has no entry "${printableName(entry)}"; it has ${names.join(', ') || 'none'}`,
  );
}
