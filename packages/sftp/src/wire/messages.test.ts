import { StorageError } from '@waybill/storage';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Fields, fileAttributes, sizeAttribute, string, uint32, uint64 } from './messages.js';

const bytes = (most = 300) => fc.uint8Array({ maxLength: most }).map((array) => Buffer.from(array));

it('reads numbers and strings as they were written', () => {
  fc.assert(
    fc.property(
      fc.nat(0xffff_ffff),
      fc.maxSafeNat(),
      fc.string({ unit: 'grapheme' }),
      bytes(),
      (a, b, text, rest) => {
        const fields = new Fields(Buffer.concat([uint32(a), uint64(b), string(text), string(rest), rest]));
        expect(fields.uint32()).toBe(a);
        expect(fields.uint64()).toBe(b);
        expect(fields.text()).toBe(Buffer.from(text).toString());
        expect(fields.string().equals(rest)).toBe(true);
        expect(fields.rest().equals(rest)).toBe(true);
        expect(fields.ended).toBe(true);
      },
    ),
  );
});

it('reads what attributes are there, and leaves the others undefined', () => {
  expect(new Fields(sizeAttribute(7)).attributes()).toEqual({ size: 7 });
  expect(new Fields(fileAttributes({ seconds: 2 })).attributes()).toEqual({ atime: 2, mtime: 2 });
  expect(new Fields(fileAttributes({ mode: 0o640 })).attributes()).toEqual({ mode: 0o640 });
  expect(new Fields(fileAttributes({ mode: 0, seconds: 0 })).attributes()).toEqual({
    ...{ mode: 0, atime: 0, mtime: 0 },
  });
  const extended = Buffer.concat([
    uint32(0x8000_0004),
    uint32(0o100644),
    uint32(1),
    string('a@b'),
    string('c'),
  ]);
  expect(new Fields(extended).attributes()).toEqual({ mode: 0o100644 });
});

it('tells a size beyond what a number holds by no safe integer', () => {
  const claimed = Buffer.concat([uint32(1), Buffer.alloc(8, 0xff)]);
  expect(Number.isSafeInteger(new Fields(claimed).attributes().size)).toBe(false);
});

it('tells names that are not UTF-8', () => {
  const entry = (name: Buffer) => Buffer.concat([string(name), string(''), uint32(0)]);
  const answer = Buffer.concat([uint32(2), entry(Buffer.from('ä�')), entry(Buffer.from([0x61, 0xff]))]);
  expect(new Fields(answer).names()).toMatchObject([
    { filename: 'ä�', utf8: true },
    { filename: 'a�', utf8: false },
  ]);
});

it('whatever an answer holds: reads it or refuses it, and takes no memory that a count merely claims', () => {
  const hostile = fc.oneof(
    bytes(),
    // Counts and lengths that lie, with something behind them.
    fc
      .tuple(fc.nat(0xffff_ffff), fc.nat(0xffff_ffff), bytes())
      .map(([a, b, rest]) => Buffer.concat([uint32(a), uint32(b), rest])),
  );
  fc.assert(
    fc.property(hostile, fc.constantFrom('names', 'attributes', 'string', 'uint64'), (answer, read) => {
      try {
        const found = new Fields(answer)[read]();
        if (Array.isArray(found)) expect(found.length * 12).toBeLessThanOrEqual(answer.length);
      } catch (error) {
        expect(error).toBeInstanceOf(StorageError);
        expect((error as StorageError).code).toBe('protocol-error');
      }
    }),
    { numRuns: 2_000 },
  );
});
