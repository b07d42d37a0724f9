import { charsets, nameAfterTransforms, type TransformSpec } from '@waybill/domain';
import { expect, it } from 'vitest';
import { defaultLimits, transformFailures } from './index.js';
import { RATIO_COUNTS_FROM } from './limits.js';
import { doc, examples, fileFor, keysOfExamples } from './testing/doc-examples.js';
import { transform } from './testing/streams.js';

const keys = await keysOfExamples();

it.each(examples)('the example %s works', async (json, name, result) => {
  const specs = JSON.parse(json) as TransformSpec[];
  const { report } = await transform(specs, await fileFor(specs, keys), { keys, name });
  expect(report.map(({ kind }) => kind)).toEqual(specs.map(({ kind }) => kind));
  expect(nameAfterTransforms(name, specs)).toBe(result);
});

it('there is an example of every kind and every option', () => {
  expect(examples.length).toBe(doc.split('```json\n[').length - 1);
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
