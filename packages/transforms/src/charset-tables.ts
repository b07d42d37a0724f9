import type { Charset } from '@waybill/domain';
import iconv from 'iconv-lite';
import { ebcdicTable } from './ebcdic.js';

const multiByte = ['shift_jis', 'euc-jp', 'gbk', 'gb18030', 'big5', 'euc-kr'] as const satisfies Charset[];
export type MultiByteCharset = (typeof multiByte)[number];

/** Whether characters are of one or more bytes, and the set is none of Unicode's forms. */
export function isMultiByte(charset: Charset): charset is MultiByteCharset {
  return (multiByte as readonly Charset[]).includes(charset);
}

/** What each of the 256 bytes of a set that has no longer characters stands for; U+FFFD for nothing. */
export function singleByteTable(charset: Charset, ebcdicLineEnd: 'nl' | 'lf'): string {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  return ebcdicTable(charset, ebcdicLineEnd) ?? iconv.decode(bytes, libraryName(charset));
}

/** What the library calls it. Its own `big5` writes characters of Hong Kong's extension, which few programs read. */
export function libraryName(charset: Charset): string {
  return charset === 'big5' ? 'cp950' : charset;
}
