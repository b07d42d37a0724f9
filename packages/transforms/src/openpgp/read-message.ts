import { enums, type Message, type PartialConfig, readMessage } from 'openpgp';
import type { ByteReader } from '../byte-reader.js';
import type { ExpansionLimits } from '../limits.js';
import { TransformError } from '../transform-error.js';
import { fromWebStream, toWebStream } from './web-streams.js';

/**
 * Pieces are put out before the end has proven them: otherwise a whole file would have to stand in memory. Whoever
 * takes them commits nothing before the end (see `Transform`).
 */
export function readingConfig(limits: ExpansionLimits): PartialConfig {
  return { allowUnauthenticatedStream: true, maxDecompressedMessageSize: limits.maxBytes };
}

/** Reads a message, binary or armored. @throws TransformError `damaged` or `unsupported` if it is none */
export async function openMessage(
  reader: ByteReader,
  config: PartialConfig,
): Promise<Message<ReadableStream<Uint8Array>> | Message<ReadableStream<string>>> {
  const [first] = await reader.peek(1);
  if (first === undefined)
    throw new TransformError('damaged', 'the file is empty, so it is no OpenPGP message');
  const isBinary = first >= 0x80;
  try {
    if (isBinary) return await readMessage({ binaryMessage: toWebStream(chunks(reader)), config });
    await refuseOtherArmor(reader);
    return await readMessage({ armoredMessage: toWebStream(text(reader)), config });
  } catch (error) {
    throw asDamaged(error, 'the file is no OpenPGP message that can be read');
  }
}

async function refuseOtherArmor(reader: ByteReader): Promise<void> {
  const head = (await reader.peek(4096)).toString('latin1');
  const kind = /-----BEGIN PGP ([A-Z ]+)-----/.exec(head)?.[1];
  if (kind === undefined)
    throw new TransformError(
      'damaged',
      'the file is no OpenPGP message: it has no "-----BEGIN PGP MESSAGE-----"',
    );
  if (kind !== 'MESSAGE')
    throw new TransformError(
      'unsupported',
      `the file is a "PGP ${kind}", not a "PGP MESSAGE"; ask the sender to sign or encrypt the file as a message ` +
        '(gpg --sign, gpg --encrypt), not as clear text or with a separate signature',
    );
}

/** Whether the outermost layer is encryption, for a key or by a password. */
export function isEncrypted({ packets }: Message<ReadableStream<Uint8Array>>): boolean {
  const { symEncryptedIntegrityProtectedData, symmetricallyEncryptedData, aeadEncryptedData } = enums.packet;
  const data = packets.filterByTag(
    symEncryptedIntegrityProtectedData,
    symmetricallyEncryptedData,
    aeadEncryptedData,
  );
  return data.length > 0;
}

async function* chunks(reader: ByteReader): AsyncGenerator<Uint8Array> {
  for (let chunk = await reader.chunk(); chunk; chunk = await reader.chunk()) yield chunk;
}

async function* text(reader: ByteReader): AsyncGenerator<string> {
  for await (const chunk of chunks(reader)) yield Buffer.from(chunk).toString('latin1');
}

/** The content of a message. @param failed what is wrong with the file if its end can't be reached */
export async function* content(data: AsyncIterable<Uint8Array>, failed: string): AsyncGenerator<Uint8Array> {
  try {
    yield* fromWebStream(data);
  } catch (error) {
    throw asDamaged(error, failed);
  }
}

/** What the library throws while it reads is about the bytes, unless it is one of ours. */
export function asDamaged(error: unknown, what: string): TransformError {
  if (error instanceof TransformError) return error;
  const why = error instanceof Error ? error.message : String(error);
  if (why.includes('Maximum decompressed message size'))
    return new TransformError('too-large', `the content is larger than the limit: ${why}`, { cause: error });
  return new TransformError('damaged', `${what}: ${why}; ask the sender for it again`, { cause: error });
}
