import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ChecksumAlgorithm,
  checksumAlgorithms,
  checksumFormats,
  maxChecksumFileBytes,
  readChecksumFile,
  writeChecksumFile,
} from './checksum-file.js';
import { whyNameRefused } from './remote-path.js';

const sum = (algorithm: ChecksumAlgorithm, content: string) =>
  createHash(algorithm).update(content).digest('hex');
const x = sum('sha256', 'x');
const y = sum('sha256', 'y');
const read = (text: string | Uint8Array, name = 'a.csv', algorithm: ChecksumAlgorithm = 'sha256') =>
  readChecksumFile(typeof text === 'string' ? new TextEncoder().encode(text) : text, name, algorithm);

describe('a checksum file', () => {
  it.each<[string, string | Uint8Array, string?, ChecksumAlgorithm?]>([
    ['of sha256sum', `${x}  a.csv\n`],
    ['of sha256sum --binary', `${x} *a.csv\n`],
    ['of sha256sum --tag', `SHA256 (a.csv) = ${x}\n`],
    ['of md5sum', `${sum('md5', 'x')}  a.csv\n`, 'a.csv', 'md5'],
    ['of sha1sum --tag', `SHA1 (a.csv) = ${sum('sha1', 'x')}\n`, 'a.csv', 'sha1'],
    ['of sha512sum', `${sum('sha512', 'x')}  a.csv\n`, 'a.csv', 'sha512'],
    ['that is the bare checksum', x],
    ['that is the bare checksum with white space around it', `  ${x}\t\r\n\r\n`],
    ['in upper case', `${x.toUpperCase()}  a.csv`],
    ['with the line ends of Windows', `${y}  b.csv\r\n${x}  a.csv\r\n`],
    ['with a byte order mark', `\ufeff${x}  a.csv\n`],
    ['in UTF-16, as PowerShell redirects it', Buffer.from(`\ufeff${x}  a.csv\r\n`, 'utf16le')],
    ['that lists other files too', `${y}  b.csv\n${x}  a.csv\n${y}  a.csv.bak\n`],
    ['that lists the file twice alike', `${x}  a.csv\n${x.toUpperCase()} *./a.csv\n`],
    ['that names directories', `${x}  ./out/daily/a.csv\n`],
    ['with a name that has a backslash', `\\${x}  a\\\\n.csv\n`, 'a\\n.csv'],
    ['with tags of other algorithms', `MD5 (a.csv) = ${sum('md5', 'x')}\nSHA256 (a.csv) = ${x}\n`],
    ['with a name that looks like a tag', `SHA256 (b) = (a.csv) = ${x}\n`, 'b) = (a.csv'],
    ['with a name that begins with a space', `${x}   a.csv\n`, ' a.csv'],
  ])('%s is read', (_, text, name, algorithm) => {
    expect(read(text, name, algorithm)).toEqual({
      kind: 'found',
      checksum: sum(algorithm ?? 'sha256', 'x'),
    });
  });

  it.each<[string, string | Uint8Array, RegExp]>([
    ['that is empty', '', /empty/],
    ['of blank lines', '\n \r\n', /empty/],
    ['of another algorithm', `${sum('md5', 'x')}  a.csv\n`, /no sha256 checksum: "/],
    ['that is cut short', `${x.slice(0, 60)}`, /no sha256 checksum/],
    ['of other files', `${x}  b.csv\n`, /names no sha256 checksum for a\.csv/],
    ['whose name only ends like ours', `${x}  my a.csv\n`, /names no/],
    ['that contradicts itself', `${x}  a.csv\n${y}  a.csv\n`, /two checksums/],
    ['with a line that is none', `${x}  a.csv\n<html>\n`, /"<html>"/],
    ['of two bare checksums', `${x}\n${y}\n`, /no sha256 checksum/],
    ['that is no text', Uint8Array.of(0x80, 0x81), /not UTF-8/],
    ['that is too long', new Uint8Array(maxChecksumFileBytes + 1), /longer than 65536/],
  ])('%s is refused, and says why', (_, text, why) => {
    expect(read(text)).toMatchObject({ kind: 'unreadable', why: expect.stringMatching(why) });
  });

  it('of ours is read as it was written, whatever the name', () => {
    const name = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !whyNameRefused(text));
    const rules = { algorithm: fc.constantFrom(...checksumAlgorithms), content: fc.string(), name };
    fc.assert(
      fc.property(
        fc.record({ ...rules, format: fc.constantFrom(...checksumFormats) }),
        ({ name, content, algorithm, format }) => {
          const checksum = sum(algorithm, content);
          const text = writeChecksumFile(name, checksum, { name: '{name}.sum', algorithm, format });
          expect(read(text, name, algorithm)).toEqual({ kind: 'found', checksum });
        },
      ),
    );
  });
});
