import { type Charset, charsets } from '@waybill/domain';
import fc from 'fast-check';
import iconv from 'iconv-lite';
import { describe, expect, it } from 'vitest';
import { singleByteTable } from './charset-tables.js';
import { inPieces, transform } from './testing/streams.js';

const convert = async (
  from: Charset,
  to: Charset,
  bytes: Uint8Array | string,
  more: object = {},
  size = 64,
) => {
  const input = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
  return (await transform([{ kind: 'charset', from, to, ...more }], inPieces(input, size))).output;
};

it('converts the same from UTF-8 and back, in every set, wherever the pieces end', async () => {
  const samples: Partial<Record<Charset, string>> = {
    shift_jis: '銀行、ｱｲｳ振込 12',
    'euc-jp': '銀行、振込 12',
    gbk: '银行转账 12',
    gb18030: '银行转账 😀 12',
    big5: '銀行轉帳 12',
    'euc-kr': '은행 이체 12',
    'utf-16le': 'a😀é\n',
    'utf-16be': 'a😀é\n',
    'utf-8': 'a😀é\n',
  };
  for (const charset of charsets) {
    const text = samples[charset] ?? singleByteTable(charset, 'nl').replaceAll('\ufffd', '');
    expect(text.length).toBeGreaterThan(4);
    for (const size of [1, 3, 300]) {
      const there = await convert('utf-8', charset, text, {}, size);
      expect((await convert(charset, 'utf-8', there, {}, size)).toString()).toBe(text);
    }
  }
});

it('any text survives UTF-16 and GB 18030 in pieces of any size', async () => {
  const property = fc.asyncProperty(
    fc.string({ unit: 'grapheme-composite' }).filter((text) => !/^\ufeff|\ufffd/.test(text)),
    fc.constantFrom<Charset>('utf-16le', 'utf-16be', 'gb18030'),
    fc.integer({ min: 1, max: 9 }),
    async (text, charset, size) => {
      const there = await convert('utf-8', charset, text, {}, size);
      if (charset === 'utf-16le') expect(there).toEqual(Buffer.from(text, 'utf16le'));
      expect((await convert(charset, 'utf-8', there, {}, size)).toString()).toBe(text);
    },
  );
  await fc.assert(property, { numRuns: 200 });
});

describe('EBCDIC', () => {
  it('has a place of its own for each character of each page', () => {
    for (const charset of charsets.filter((name) => name.startsWith('ibm')))
      expect(new Set(singleByteTable(charset, 'nl')).size).toBe(256);
  });

  it.each([
    ['ibm037', 'Hello [1]', 'c88593939640baf1bb'],
    ['ibm500', 'Ab1!', 'c182f14f'],
    ['ibm273', 'Größe ä', 'c7996aa18540c0'],
    ['ibm1140', '€', '9f'],
    ['ibm1047', 'a[b]^', '81ad82bd5f'],
  ] as const)('%s writes %j as the mainframe does', async (charset, text, hex) => {
    expect((await convert('utf-8', charset, text)).toString('hex')).toBe(hex);
  });

  it('ends lines with NL, or with LF where that is asked for', async () => {
    expect((await convert('utf-8', 'ibm037', '\n')).toString('hex')).toBe('15');
    expect((await convert('utf-8', 'ibm037', '\n', { ebcdicLineEnd: 'lf' })).toString('hex')).toBe('25');
    expect((await convert('ibm037', 'utf-8', Buffer.of(0x15))).toString()).toBe('\n');
  });
});

describe('a character that cannot be converted', () => {
  const long = 'ä'.repeat(100);

  it.each<[string, Charset, Charset, Uint8Array, RegExp]>([
    ['not UTF-8', 'utf-8', 'utf-16le', Buffer.from(`${long}\xff`, 'latin1'), /byte 0 is not valid utf-8/],
    [
      'later',
      'utf-8',
      'utf-16le',
      Buffer.concat([Buffer.from(`\ufffd${long}`), Buffer.of(0xc3, 0x41)]),
      /byte 203 /,
    ],
    [
      'cut at the end',
      'utf-8',
      'utf-16le',
      Buffer.from(`${long}€`).subarray(0, -1),
      /byte 200 is not valid utf-8/,
    ],
    [
      'alone surrogate',
      'utf-16le',
      'utf-8',
      Buffer.from('ab\ud800c', 'utf16le'),
      /byte 4 is not valid utf-16le/,
    ],
    ['odd length', 'utf-16be', 'utf-8', Buffer.of(0, 65, 0), /byte 2 is not valid utf-16be/],
    ['beyond ASCII', 'us-ascii', 'utf-8', Buffer.from('abcé', 'latin1'), /byte 3 is not valid us-ascii/],
    ['half a pair', 'shift_jis', 'utf-8', Buffer.from('8ae241ff', 'hex'), /byte 3 is not valid shift_jis/],
    [
      'no such in Latin-1',
      'utf-8',
      'iso-8859-1',
      Buffer.from(`\ufeff${long}€`),
      /U\+20AC at byte 203 .* iso-8859-1/,
    ],
    [
      'outside the plane',
      'utf-16le',
      'ibm037',
      Buffer.from('a😀', 'utf16le'),
      /U\+1F600 at byte 2 .* ibm037/,
    ],
    ['no such in Big5', 'utf-8', 'big5', Buffer.from('a?é銀é'), /U\+00E9 at byte 2 .* big5/],
  ])('is an error that says which byte: %s', async (_what, from, to, bytes, message) => {
    for (const size of [1, 5, 1000])
      await expect(convert(from, to, bytes, {}, size)).rejects.toMatchObject({
        code: 'bad-character',
        message: expect.stringMatching(message),
      });
  });

  it('becomes a question mark, or U+FFFD in Unicode, where that is asked for', async () => {
    const replace = { onUnmappable: 'replace' };
    expect((await convert('utf-8', 'iso-8859-1', 'a€😀b', replace, 2)).toString()).toBe('a??b');
    expect((await convert('utf-8', 'big5', 'é!', replace)).toString()).toBe('?!');
    expect((await convert('utf-8', 'ibm500', '€', replace)).toString('hex')).toBe('6f');
    expect((await convert('us-ascii', 'utf-8', Buffer.of(0x41, 0xff), replace)).toString()).toBe('A\ufffd');
    expect((await convert('utf-16le', 'utf-8', Buffer.of(0, 0xd8, 65, 0), replace, 1)).toString()).toBe(
      '\ufffdA',
    );
  });
});

it('takes a byte order mark off, and writes one only if asked', async () => {
  expect((await convert('utf-8', 'utf-16le', '\ufeffa', {}, 1)).toString('hex')).toBe('6100');
  expect((await convert('utf-16be', 'utf-8', Buffer.of(0xfe, 0xff, 0, 65), {}, 1)).toString()).toBe('A');
  expect((await convert('utf-8', 'utf-16be', '\ufeffa', { byteOrderMark: true })).toString('hex')).toBe(
    'feff0061',
  );
  expect((await convert('iso-8859-1', 'utf-8', 'a', { byteOrderMark: true })).toString('hex')).toBe(
    'efbbbf61',
  );
});

it('every set that is named is there', () => {
  for (const charset of charsets.filter((name) => !name.startsWith('ibm')))
    expect([charset, iconv.encodingExists(charset)]).toEqual([charset, true]);
});
