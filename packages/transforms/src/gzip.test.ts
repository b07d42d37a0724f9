import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RATIO_COUNTS_FROM } from './limits.js';
import { inPieces, transform } from './testing/streams.js';

const gunzip = { kind: 'gunzip' } as const;
const member = gzipSync('the content of one member');
const two = Buffer.concat([member, gzipSync(' and of another')]);

it('gives back what it packed, and packs the same content to the same bytes', async () => {
  const property = fc.asyncProperty(fc.uint8Array({ maxLength: 5000 }), async (content) => {
    const packed = await transform([{ kind: 'gzip', level: 9 }], content);
    const again = await transform([{ kind: 'gzip', level: 9 }], content);
    expect(again.output).toEqual(packed.output);
    expect((await transform([gunzip], packed.output)).output).toEqual(Buffer.from(content));
  });
  await fc.assert(property, { numRuns: 50 });
});

it('reads several members as one file, wherever the pieces end, with zeros after them', async () => {
  for (let size = 1; size <= two.length; size++) {
    const padded = Buffer.concat([two, Buffer.alloc(7)]);
    const { output } = await transform([gunzip], inPieces(padded, size));
    expect(output.toString()).toBe('the content of one member and of another');
  }
});

it('never takes a file that was cut short for a whole one', async () => {
  for (let length = 0; length < member.length; length++)
    await expect(transform([gunzip], member.subarray(0, length))).rejects.toMatchObject({ code: 'damaged' });
});

it.each([
  ['is followed by other data', Buffer.concat([member, Buffer.from('more')])],
  ['is followed by zeros and other data', Buffer.concat([member, Buffer.alloc(3), Buffer.from('more')])],
  ['has a wrong checksum', Buffer.concat([member.subarray(0, -8), Buffer.alloc(4), member.subarray(-4)])],
  ['is no gzip file', Buffer.from('date;amount')],
])('a file is damaged that %s', async (_what, bytes) => {
  await expect(transform([gunzip], inPieces(bytes, 3))).rejects.toMatchObject({ code: 'damaged' });
  await expect(transform([gunzip], bytes)).rejects.toMatchObject({ code: 'damaged' });
});

it('stops at a bomb, and at a file larger than the limit', async () => {
  const bomb = gzipSync(Buffer.alloc(RATIO_COUNTS_FROM + 1024 ** 2), { level: 9 });
  await expect(transform([gunzip], bomb)).rejects.toThrow(/beyond the limit of 250 for each byte/);
  await expect(transform([gunzip], member, { limits: { maxBytes: 10 } })).rejects.toThrow(
    'transform 1 (gunzip): the content is larger than the limit of 10 bytes; raise it if the file may be so large',
  );
});
