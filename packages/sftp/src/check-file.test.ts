import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkFileRequest, readCheckFileReply } from './check-file.js';
import { string } from './wire/messages.js';

const digest = createHash('sha256').update('x').digest();
const head = string('sha256');

it('a request asks for one SHA-256 of so many bytes from the start', () => {
  expect(checkFileRequest('/a', 5).toString('hex')).toBe(
    `${'00000002'}2f61${'00000006'}736861323536${'0'.repeat(16)}${'5'.padStart(16, '0')}${'0'.repeat(8)}`,
  );
});

describe('a reply', () => {
  it('is read as the first draft has it, as ProFTPD sends it, and as later drafts have it', () => {
    expect(readCheckFileReply(Buffer.concat([head, digest]))).toBe(digest.toString('hex'));
    const later = Buffer.concat([string('check-file'), head, digest]);
    expect(readCheckFileReply(later)).toBe(digest.toString('hex'));
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['no hash', head],
    ['a hash that is cut', Buffer.concat([head, digest.subarray(1)])],
    ['two hashes', Buffer.concat([head, digest, digest])],
    ['another algorithm', Buffer.concat([string('sha512'), digest, digest])],
    ['a shorter one', Buffer.concat([string('md5'), digest.subarray(16)])],
    ['a length that leads nowhere', Buffer.concat([Buffer.from('ffffffff', 'hex'), digest])],
  ])('of %s is none', (_, reply) => {
    expect(readCheckFileReply(reply)).toBeUndefined();
  });

  it('of any bytes whatever is a hash or none', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const found = readCheckFileReply(Buffer.from(bytes));
        expect(found ?? '0'.repeat(64)).toMatch(/^[0-9a-f]{64}$/);
      }),
    );
  });
});
