import { expect, it } from 'vitest';
import { newId } from '../ids.js';
import { parsePath } from '../remote-path.js';
import {
  asidePathOf,
  deliveryDigitsOf,
  fitName,
  isAsideName,
  isPartName,
  isPartOf,
  partPathOf,
} from './part-name.js';

const id = '0199aaaa-bbbb-7ccc-8ddd-0123456789ab';

it('lies beside the final name, hidden, and says whose it is', () => {
  expect(partPathOf(id, parsePath('out/report.csv'))).toBe('out/.waybill-0123456789ab-report.csv.part');
  expect(partPathOf(id, parsePath('report.csv'))).toBe('.waybill-0123456789ab-report.csv.part');
});

it.each(['x'.repeat(255), 'ü'.repeat(127), '😀'.repeat(63)])(
  'fits a file system however long the name',
  (name) => {
    const part = partPathOf(newId(), parsePath(name));
    expect(Buffer.byteLength(part)).toBeLessThanOrEqual(255);
    expect(Buffer.byteLength(part)).toBeGreaterThan(250);
    expect(isPartName(part)).toBe(true);
  },
);

it('keeps short names whole', () => {
  expect(fitName('', 'report.csv', '.1')).toBe('report.csv.1');
});

it.each([
  'report.csv.part',
  '.waybill-x-report.part',
  '.waybill-0123456789ab-report',
  'waybill-0123456789ab-r.part',
])('is not recognised in "%s"', (name) => {
  expect(isPartName(name)).toBe(false);
});

it('leads back to its delivery, and to no other', () => {
  const part = partPathOf(id, parsePath('report.csv'));
  expect(deliveryDigitsOf(part)).toBe('0123456789ab');
  expect(deliveryDigitsOf('report.csv.part')).toBeUndefined();
  expect([isPartOf(id, part), isPartOf(newId(), part)]).toEqual([true, false]);
});

it('is told from a file that was set aside', () => {
  const aside = asidePathOf(parsePath('out/report.csv'), '0123456789ab');
  expect(aside).toBe('out/.waybill-0123456789ab-replaced.part');
  expect(isAsideName(aside.slice('out/'.length))).toBe(true);
  expect(deliveryDigitsOf(aside.slice('out/'.length))).toBeUndefined();
  expect(isAsideName('.waybill-0123456789ab-report.csv.part')).toBe(false);
});
