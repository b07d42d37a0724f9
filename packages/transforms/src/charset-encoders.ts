import type { Charset } from '@waybill/domain';
import iconv from 'iconv-lite';
import { isMultiByte, libraryName, singleByteTable } from './charset-tables.js';

export interface Encoded {
  readonly bytes: Buffer;
  /** Where in the text the first character stands that the set doesn't have. It became `?`. */
  readonly unmappableAt?: number;
}

/** Turns well-formed text into bytes. */
export type Encoder = (text: string) => Encoded;

export function openEncoder(charset: Charset, ebcdicLineEnd: 'nl' | 'lf'): Encoder {
  if (charset === 'utf-8') return (text) => ({ bytes: Buffer.from(text) });
  if (charset === 'utf-16le') return (text) => ({ bytes: Buffer.from(text, 'utf16le') });
  if (charset === 'utf-16be') return (text) => ({ bytes: Buffer.from(text, 'utf16le').swap16() });
  if (isMultiByte(charset)) return multiByteEncoder(libraryName(charset));
  return singleByteEncoder(singleByteTable(charset, ebcdicLineEnd));
}

const NONE = -1;

function singleByteEncoder(table: string): Encoder {
  const byteOf = new Int16Array(0x10000).fill(NONE);
  for (let byte = 0; byte < 256; byte++) byteOf[table.charCodeAt(byte)] = byte;
  byteOf[0xfffd] = NONE;
  const question = byteOf['?'.charCodeAt(0)] ?? 0;
  return (text) => {
    const bytes = Buffer.allocUnsafe(text.length);
    let length = 0;
    let unmappableAt: number | undefined;
    for (let i = 0; i < text.length; i++) {
      const byte = byteOf[text.charCodeAt(i)] ?? NONE;
      bytes[length++] = byte === NONE ? question : byte;
      if (byte !== NONE) continue;
      unmappableAt ??= i;
      // A character outside of the basic plane is two units of the text, but one question mark.
      if ((text.codePointAt(i) ?? 0) > 0xffff) i++;
    }
    return { bytes: bytes.subarray(0, length), ...(unmappableAt !== undefined && { unmappableAt }) };
  };
}

function multiByteEncoder(charset: string): Encoder {
  return (text) => {
    const bytes = iconv.encode(text, charset);
    const unmappableAt = firstUnmappable(text, charset, bytes);
    return { bytes, ...(unmappableAt !== undefined && { unmappableAt }) };
  };
}

/** The library writes `?` for what it can't write: looked for only where there are more of them than in the text. */
function firstUnmappable(text: string, charset: string, bytes: Buffer): number | undefined {
  const count = (of: string) => of.split('?').length;
  if (count(iconv.decode(bytes, charset)) === count(text)) return undefined;
  let at = 0;
  for (const character of text) {
    if (character !== '?' && iconv.encode(character, charset).equals(Buffer.from('?'))) return at;
    at += character.length;
  }
  return undefined;
}
