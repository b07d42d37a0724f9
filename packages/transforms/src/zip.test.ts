import fc from 'fast-check';
import { expect, it } from 'vitest';
import { makeZip } from './testing/make-zip.js';
import { inPieces, transform } from './testing/streams.js';

const unzip = { kind: 'unzip' } as const;
const content = 'date;amount\n2026-11-23;12.50\n'.repeat(5);
const { output: archive } = await transform([{ kind: 'zip' }], content, { name: 'tägliche liste.csv' });

it('gives back what it packed, under the name it was packed with', async () => {
  const property = fc.asyncProperty(
    fc.uint8Array({ maxLength: 5000 }),
    fc.integer({ min: 1, max: 100 }),
    async (bytes, size) => {
      const packed = await transform([{ kind: 'zip', entryName: 'inner.bin' }], bytes);
      const { output, report } = await transform([unzip], inPieces(packed.output, size));
      expect(output).toEqual(Buffer.from(bytes));
      expect(report).toMatchObject([{ kind: 'unzip', entry: 'inner.bin', bytes: bytes.length }]);
    },
  );
  await fc.assert(property, { numRuns: 50 });
  expect((await transform([unzip], archive)).report[0]?.entry).toBe('tägliche liste.csv');
});

it('packs the same content with the same time to the same bytes', async () => {
  const modifiedAt = new Date('2026-11-23T04:05:06Z');
  const one = await transform([{ kind: 'zip' }], content, { modifiedAt });
  const other = await transform([{ kind: 'zip' }], inPieces(Buffer.from(content), 7), { modifiedAt });
  expect(other.output).toEqual(one.output);
});

it('never takes an archive that was cut short for a whole one', async () => {
  for (let length = 0; length < archive.length; length++)
    await expect(transform([unzip], archive.subarray(0, length))).rejects.toMatchObject({ code: 'damaged' });
});

it('gives the content or an error, and never other content, whichever byte is altered', async () => {
  for (let at = 0; at < archive.length; at++) {
    const altered = Buffer.from(archive);
    altered[at] = (altered[at] ?? 0) ^ 0x55;
    const outcome = await transform([unzip], altered).then(
      ({ output }) => output.toString(),
      (error: { code?: string }) => error.code,
    );
    expect([content, 'damaged', 'unsupported', 'unsafe-name']).toContain(outcome);
  }
});

it.each([
  '../etc/passwd',
  'in/../../out.csv',
  '/etc/passwd',
  'C:\\windows\\x',
  'c:x',
  '..\\x',
  './x',
  'a//b',
  'a\u0000.csv',
  '..',
])('refuses an archive with an entry named %j, whether it is wanted or not', async (name) => {
  const hostile = makeZip([{ name: 'good.csv' }, { name }]);
  await expect(transform([{ kind: 'unzip', entry: 'good.csv' }], hostile)).rejects.toMatchObject({
    code: 'unsafe-name',
  });
});

it('takes the named entry out of several, in a directory or not, stored or deflated', async () => {
  const several = makeZip([
    { name: 'data/', content: '', method: 0 },
    { name: 'data/a.csv', content: 'A' },
    { name: 'data/b.csv', content: 'B', method: 0 },
  ]);
  for (const size of [1, 10, 1000]) {
    const take = async (entry: string) =>
      (await transform([{ kind: 'unzip', entry }], inPieces(several, size))).output.toString();
    expect(await take('data/a.csv')).toBe('A');
    expect(await take('data/b.csv')).toBe('B');
  }
});

it.each([
  [
    'two files and no name',
    [{ name: 'a' }, { name: 'b' }],
    undefined,
    /more than one file \("a" and "b"\); name/,
  ],
  ['no files', [{ name: 'a/', content: '', method: 0 }], undefined, /no file in it/],
  ['another file', [{ name: 'a' }], 'b', /no entry "b"; it has "a"/],
  ['the name twice', [{ name: 'a' }, { name: 'a' }], 'a', /two entries named "a"/],
])('does not guess which entry is meant: %s', async (_what, entries, entry, message) => {
  const run = transform([{ kind: 'unzip', ...(entry !== undefined && { entry }) }], makeZip(entries));
  await expect(run).rejects.toMatchObject({ code: 'wrong-entries', message: expect.stringMatching(message) });
});

it.each([
  ['encrypted', { name: 'a', flags: 0x801 }, /is encrypted.*OpenPGP/],
  ['of another method', { name: 'a', method: 14 }, /method 14.*deflate/],
])('says what it does not read: %s', async (_what, entry, message) => {
  await expect(transform([unzip], makeZip([entry]))).rejects.toMatchObject({
    code: 'unsupported',
    message: expect.stringMatching(message),
  });
});

it.each([
  ['calls an entry otherwise', makeZip([{ name: 'a', listedAs: 'b' }])],
  ['leaves an entry out', makeZip([{ name: 'a', listed: false }])],
  ['is followed by data', Buffer.concat([archive, Buffer.from('x')])],
  ['follows other data', Buffer.concat([Buffer.from('x'), archive])],
])('an archive is damaged whose directory %s', async (_what, bytes) => {
  await expect(transform([{ kind: 'unzip' }], bytes)).rejects.toMatchObject({ code: 'damaged' });
});

it('bounds what an archive may hold: bytes, entries, and what is passed over', async () => {
  const two = makeZip([
    { name: 'a', content: 'x'.repeat(100) },
    { name: 'b', content: '' },
  ]);
  const take = (entry: string, limits: object) => transform([{ kind: 'unzip', entry }], two, { limits });
  await expect(take('a', { maxBytes: 99 })).rejects.toMatchObject({ code: 'too-large' });
  await expect(take('b', { maxBytes: 99 })).rejects.toMatchObject({ code: 'too-large' });
  await expect(take('a', { maxEntries: 1 })).rejects.toMatchObject({ code: 'too-large' });
  expect((await take('a', { maxBytes: 100, maxEntries: 2 })).output).toHaveLength(100);
});
