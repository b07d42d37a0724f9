import { isUtf8 } from 'node:buffer';
import type { Charset } from '@waybill/domain';
import iconv from 'iconv-lite';
import { isMultiByte, libraryName, type MultiByteCharset, singleByteTable } from './charset-tables.js';

/** A piece of text, and where its bytes end that can't be read, if there are any. */
export interface Decoded {
  readonly text: string;
  /** The bytes that `text` was made of. */
  readonly bytes: number;
  /** How many bytes of them come before the first that is not valid. */
  readonly invalidAt?: number;
}

/** Turns bytes into text, across the borders of pieces. Invalid bytes become U+FFFD, and are reported. */
export interface Decoder {
  write(bytes: Buffer): Decoded;
  /** What is left when the input has ended: a character that was cut. */
  end(): Decoded;
  /** The bytes that well-formed `text` was made of. */
  bytesOf(text: string): number;
}

const REPLACEMENT = '\ufffd';

export function openDecoder(charset: Charset, ebcdicLineEnd: 'nl' | 'lf'): Decoder {
  if (charset === 'utf-8') return blockDecoder(utf8);
  if (charset === 'utf-16le' || charset === 'utf-16be') return blockDecoder(utf16(charset === 'utf-16be'));
  if (isMultiByte(charset)) return blockDecoder(multiByteForm(charset));
  return singleByteDecoder(singleByteTable(charset, ebcdicLineEnd));
}

interface Form {
  /** The length of `bytes` without a character that is not complete yet. */
  complete(bytes: Buffer): number;
  decode(bytes: Buffer): Decoded;
  bytesOf(text: string): number;
}

function blockDecoder(form: Form): Decoder {
  let held = Buffer.alloc(0);
  return {
    write(bytes) {
      const all = held.length > 0 ? Buffer.concat([held, bytes]) : bytes;
      const end = form.complete(all);
      held = Buffer.from(all.subarray(end));
      return form.decode(all.subarray(0, end));
    },
    end: () =>
      held.length > 0 ? { text: REPLACEMENT, bytes: held.length, invalidAt: 0 } : { text: '', bytes: 0 },
    bytesOf: form.bytesOf,
  };
}

const utf8: Form = {
  complete(bytes) {
    for (let back = 1; back <= Math.min(3, bytes.length); back++) {
      const byte = bytes[bytes.length - back] ?? 0;
      const isFirst = byte >= 0xc0;
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      if (isFirst) return length > back ? bytes.length - back : bytes.length;
      if (byte < 0x80) break;
    }
    return bytes.length;
  },
  decode(bytes) {
    const text = bytes.toString('utf8');
    const decoded = { text, bytes: bytes.length };
    return isUtf8(bytes) ? decoded : { ...decoded, invalidAt: firstInvalidUtf8(bytes, text) };
  },
  bytesOf: (text) => Buffer.byteLength(text),
};

/** Up to the first replacement that does not stand in the bytes themselves, the text has the length of its bytes. */
function firstInvalidUtf8(bytes: Buffer, text: string): number {
  const genuine = Buffer.from(REPLACEMENT);
  let offset = 0;
  let from = 0;
  for (let at = text.indexOf(REPLACEMENT); at >= 0; at = text.indexOf(REPLACEMENT, from)) {
    offset += Buffer.byteLength(text.slice(from, at));
    if (!genuine.equals(bytes.subarray(offset, offset + 3))) return offset;
    offset += 3;
    from = at + 1;
  }
  return offset;
}

function utf16(bigEndian: boolean): Form {
  return {
    complete(bytes) {
      const even = bytes.length - (bytes.length % 2);
      if (even === 0) return 0;
      const last = bigEndian ? bytes.readUInt16BE(even - 2) : bytes.readUInt16LE(even - 2);
      return last >= 0xd800 && last < 0xdc00 ? even - 2 : even;
    },
    decode(bytes) {
      const raw = (bigEndian ? Buffer.from(bytes).swap16() : bytes).toString('utf16le');
      const alone = raw.search(/\p{Surrogate}/u);
      if (alone < 0) return { text: raw, bytes: bytes.length };
      return { text: raw.replace(/\p{Surrogate}/gu, REPLACEMENT), bytes: bytes.length, invalidAt: alone * 2 };
    },
    bytesOf: (text) => text.length * 2,
  };
}

function singleByteDecoder(table: string): Decoder {
  const isLatin1 = [...table].every((character, byte) => character.charCodeAt(0) === byte);
  const units = Uint16Array.from(table, (character) => character.charCodeAt(0));
  const decode = (bytes: Buffer) => {
    if (isLatin1) return bytes.toString('latin1');
    const text = Buffer.allocUnsafe(bytes.length * 2);
    for (let i = 0; i < bytes.length; i++) text.writeUInt16LE(units[bytes[i] ?? 0] ?? 0, i * 2);
    return text.toString('utf16le');
  };
  return {
    write(bytes) {
      const text = decode(bytes);
      const invalid = text.indexOf(REPLACEMENT);
      return { text, bytes: bytes.length, ...(invalid >= 0 && { invalidAt: invalid }) };
    },
    end: () => ({ text: '', bytes: 0 }),
    bytesOf: (text) => text.length,
  };
}

/**
 * The East Asian sets. None but GB 18030 has U+FFFD itself, and there it is as good as never meant. The library gets
 * whole characters alone, because it loses text where one of four bytes falls onto a border of pieces.
 */
function multiByteForm(charset: MultiByteCharset): Form {
  const name = libraryName(charset);
  const bytesOf = (text: string) => iconv.encode(text, name).length;
  return {
    complete(bytes) {
      let start = 0;
      for (let end = 0; end < bytes.length; ) {
        start = end;
        end += characterLength(charset, bytes, start);
        if (end === bytes.length) return end;
      }
      return start;
    },
    decode(bytes) {
      const text = iconv.decode(bytes, name);
      const invalid = text.indexOf(REPLACEMENT);
      const decoded = { text, bytes: bytes.length };
      return invalid < 0 ? decoded : { ...decoded, invalidAt: bytesOf(text.slice(0, invalid)) };
    },
    bytesOf,
  };
}

/** The bytes of the character at `at`, as its first bytes say. */
function characterLength(charset: MultiByteCharset, bytes: Buffer, at: number): number {
  const first = bytes[at] ?? 0;
  if (first <= 0x80 || first === 0xff) return 1;
  if (charset === 'shift_jis') return first >= 0xa0 && first <= 0xdf ? 1 : 2;
  if (charset === 'euc-jp') return first === 0x8f ? 3 : 2;
  const second = bytes[at + 1] ?? 0;
  return charset === 'gb18030' && second >= 0x30 && second <= 0x39 ? 4 : 2;
}
