import { readFileSync } from 'node:fs';
import { charsets, nameAfterTransforms, type TransformSpec } from '@waybill/domain';
import { generateKey } from 'openpgp';
import { expect, it } from 'vitest';
import { defaultLimits, type KeySource, transformFailures } from './index.js';
import { RATIO_COUNTS_FROM } from './limits.js';
import { makeZip } from './testing/make-zip.js';
import { transform } from './testing/streams.js';

const doc = readFileSync(new URL('../../../docs/transforms.md', import.meta.url), 'utf8');
const examples = [...doc.matchAll(/```json\n(.*?)```\n\n`(.*?)` becomes `(.*?)`/gs)].map(
  ([, json = '', name = '', result = '']) => [json.replaceAll(/\s+/g, ' ').trim(), name, result] as const,
);

const pair = await generateKey({
  userIDs: [{ name: 'Acme', email: 'files@acme.example' }],
  format: 'armored',
});
const keys: KeySource = {
  publicKey: async () => pair.publicKey,
  privateKey: async () => ({ key: pair.privateKey }),
};
const content = 'name;amount\nJane;12.50\n';

/** What makes the file that the first of the steps expects. */
function before([first, ...rest]: readonly TransformSpec[]): TransformSpec[] {
  switch (first?.kind) {
    case 'gunzip':
      return [...before(rest), { kind: 'gzip' }];
    case 'unzip':
      return [...before(rest), { kind: 'zip' }];
    case 'openpgp-decrypt':
      return [...before(rest), { kind: 'openpgp-encrypt', recipients: ['ours'], signWith: 'acme' }];
    case 'openpgp-verify':
      return [...before(rest), { kind: 'openpgp-sign', signWith: 'acme' }];
    case 'charset':
      return first.from === 'utf-8' ? [] : [{ kind: 'charset', from: 'utf-8', to: first.from }];
    default:
      return [];
  }
}

/** A file as it may come from a partner, for which the first of the steps is made. */
async function fileFor(specs: readonly TransformSpec[]): Promise<Buffer> {
  const [first] = specs;
  if (first?.kind === 'unzip' && first.entry !== undefined)
    return makeZip([{ name: 'other.csv' }, { name: first.entry, content }]);
  return (await transform(before(specs), content, { keys })).output;
}

it.each(examples)('the example %s works', async (json, name, result) => {
  const specs = JSON.parse(json) as TransformSpec[];
  const { report } = await transform(specs, await fileFor(specs), { keys, name });
  expect(report.map(({ kind }) => kind)).toEqual(specs.map(({ kind }) => kind));
  expect(nameAfterTransforms(name, specs)).toBe(result);
});

it('there is an example of every kind and every option', () => {
  expect(examples.length).toBe(doc.split('```json').length - 1);
  const used = new Set(examples.flatMap(([json]) => (JSON.parse(json) as object[]).flatMap(Object.keys)));
  const options = [
    'level',
    'entryName',
    'entry',
    'recipients',
    'signWith',
    'armor',
    'decryptWith',
    'to',
    'from',
  ];
  const others = ['kind', 'requireSignatureBy', 'onUnmappable', 'byteOrderMark', 'ebcdicLineEnd'];
  expect([...used].sort()).toEqual([...options, ...others].sort());
});

it('lists every character set, every failure and the limits', () => {
  const rows = doc.split('\n').filter((line) => line.startsWith('| '));
  const sets = rows.filter((row) => !row.startsWith('| `')).flatMap((row) => [...row.matchAll(/`(.+?)`/g)]);
  expect(sets.map(([, name]) => name)).toEqual([...charsets]);
  const failures = Object.entries(transformFailures).map(
    ([code, { meaning, remedy }]) => `| \`${code}\` | ${meaning} | ${remedy} |`,
  );
  expect(rows.filter((row) => row.startsWith('| `'))).toEqual(failures);
  expect(doc).toContain(`beyond ${defaultLimits.maxBytes / 1024 ** 3} GiB`);
  expect(doc).toContain(
    `beyond ${defaultLimits.maxRatio} bytes for each byte it has read, once ${RATIO_COUNTS_FROM / 1024 ** 2} MiB`,
  );
  expect(doc).toContain(`the ${defaultLimits.maxEntries + 1}st entry`);
});
