import { expect, it } from 'vitest';
import { nameAfter, nameAfterTransforms, type TransformSpec } from './transform.js';

const encrypt: TransformSpec = { kind: 'openpgp-encrypt', recipients: ['bank'] };
const decrypt: TransformSpec = { kind: 'openpgp-decrypt', decryptWith: ['ours'] };

it.each<[string, TransformSpec, string]>([
  ['day.csv', { kind: 'gzip' }, 'day.csv.gz'],
  ['day.csv.GZ', { kind: 'gunzip' }, 'day.csv'],
  ['day.tgz', { kind: 'gunzip' }, 'day.tar'],
  ['day.csv', { kind: 'gunzip' }, 'day.csv'],
  ['.gz', { kind: 'gunzip' }, '.gz'],
  ['...gz', { kind: 'gunzip' }, '...gz'],
  ['day.csv', { kind: 'zip' }, 'day.csv.zip'],
  ['day.csv.zip', { kind: 'unzip' }, 'day.csv'],
  ['all.zip', { kind: 'unzip', entry: 'data/day.csv' }, 'day.csv'],
  ['all.zip', { kind: 'unzip', entry: 'data/..' }, 'all.zip'],
  ['day.csv', encrypt, 'day.csv.pgp'],
  ['day.csv', { kind: 'openpgp-sign', signWith: 'ours', armor: true }, 'day.csv.asc'],
  ['day.csv.gpg', decrypt, 'day.csv'],
  ['day.csv.asc', { kind: 'openpgp-verify', requireSignatureBy: ['bank'] }, 'day.csv'],
  ['day.csv', { kind: 'line-ends', to: 'lf' }, 'day.csv'],
])('%s after %j is %s', (name, spec, expected) => {
  expect(nameAfter(name, spec)).toBe(expected);
});

it('names add up in the order of the steps', () => {
  expect(nameAfterTransforms('day.csv', [{ kind: 'gzip' }, encrypt])).toBe('day.csv.gz.pgp');
  expect(nameAfterTransforms('day.csv.gz.pgp', [decrypt, { kind: 'gunzip' }])).toBe('day.csv');
});
