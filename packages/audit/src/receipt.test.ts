import { expect, it } from 'vitest';
import { type Receipt, type ReceiptLine, receiptBytes, receiptSha256 } from './receipt.js';

const line: ReceiptLine = {
  ...{ sourcePath: 'out/a', targetPath: 'in/a', size: 3, sha256: 'a'.repeat(64) },
  ...{ assurance: 'size', deliveredAt: '2026-03-01T06:00:00.000Z' },
};

function receiptOf(...deliveries: readonly ReceiptLine[]): Receipt {
  const place = { endpointId: 'e', endpoint: 'acme', directory: '' };
  return {
    format: 'waybill receipt v1',
    run: { id: 'r', state: 'succeeded', createdAt: '2026-03-01T06:00:00.000Z' },
    transfer: { id: 't', name: 'nightly', version: 1 },
    ...{ source: place, target: place, deliveries },
  };
}

it('a file that arrived as it was read has the bytes that its receipt always had', () => {
  expect(receiptBytes(receiptOf(line)).toString()).toBe(
    '{"deliveries":[{"assurance":"size","deliveredAt":"2026-03-01T06:00:00.000Z",' +
      `"sha256":"${'a'.repeat(64)}","size":3,"sourcePath":"out/a","targetPath":"in/a"}],` +
      '"format":"waybill receipt v1",' +
      '"run":{"createdAt":"2026-03-01T06:00:00.000Z","id":"r","state":"succeeded"},' +
      '"source":{"directory":"","endpoint":"acme","endpointId":"e"},' +
      '"target":{"directory":"","endpoint":"acme","endpointId":"e"},' +
      '"transfer":{"id":"t","name":"nightly","version":1}}',
  );
});

it('what transforms made of a file is part of what is hashed', () => {
  const transforms = [{ kind: 'unzip', bytes: 3, sha256: line.sha256, entry: 'a' }] as const;
  const transformed = { ...line, sourceSize: 120, sourceSha256: 'b'.repeat(64), transforms };
  expect(receiptBytes(receiptOf(transformed)).toString()).toContain(
    `"sourceSize":120,"targetPath":"in/a","transforms":[{"bytes":3,"entry":"a","kind":"unzip","sha256":"${line.sha256}"}]`,
  );
  const otherwise = { ...transformed, transforms: [{ ...transforms[0], entry: 'b' }] };
  const hashes = [line, transformed, otherwise].map((each) => receiptSha256(receiptOf(each)));
  expect(new Set(hashes).size).toBe(3);
});
