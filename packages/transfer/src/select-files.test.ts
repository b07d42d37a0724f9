import { parsePath } from '@waybill/domain';
import type { ListEntry } from '@waybill/storage';
import { describe, expect, it } from 'vitest';
import { nameMatcher, selectFiles } from './select-files.js';
import { aDefinition } from './testing/world.js';

describe('a name', () => {
  it.each([
    ['a.csv', ['*.csv'], [], true],
    ['a.CSV', ['*.csv'], [], false],
    ['a.csv', ['*.txt', 'a.*'], [], true],
    ['a.csv', ['*'], ['*.csv'], false],
    ['.a.csv', ['*'], [], false],
    ['.a.csv', ['.*'], [], true],
    ['.a.csv', ['.*'], ['*.csv'], false],
    ['!a', ['!a'], [], true],
    ['b', ['!a'], [], false],
    ['a b (1).csv', ['a b*'], [], true],
    ['ab.csv', ['[ab]?.{csv,txt}'], [], true],
    ['a', [], [], false],
  ] as const)('"%s" by %j but not %j is selected: %s', (name, include, exclude, selected) => {
    expect(nameMatcher(include, exclude)(name)).toBe(selected);
  });
});

it('selects in the order of the names, whatever the order of the listing', () => {
  const at = new Date();
  const file = (name: string): ListEntry => ({
    ...{ kind: 'file', path: parsePath(`in/${name}`), size: 1, modifiedAt: at },
  });
  const listing = ['b', 'a10', 'B', 'a2'].map(file);
  const paths = selectFiles(listing, aDefinition()).map(({ sourcePath }) => sourcePath);
  expect(paths).toEqual(['in/B', 'in/a10', 'in/a2', 'in/b']);
});

it('names a refused name that would match if it were safe', () => {
  const listing: ListEntry[] = [
    { kind: 'refused', name: '../evil.csv', reason: 'the name holds a "/"' },
    { kind: 'refused', name: 'evil\u0000.txt', reason: 'control character' },
    { kind: 'other', path: parsePath('in/link.csv') },
  ];
  const selected = selectFiles(listing, aDefinition({ include: ['[!a]*.csv', '..*.csv'] }));
  expect(selected).toMatchObject([
    { sourcePath: 'in/../evil.csv', targetPath: '', failure: { code: 'path-refused' } },
  ]);
});
