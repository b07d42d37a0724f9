import { expect, it } from 'vitest';
import { globMatcher } from './glob-matcher.js';

it.each([
  ['*.csv', ['a.csv', '.csv', 'a.csv.csv'], ['a.CSV', 'a.csv.gz', 'csv']],
  ['a*b*c', ['abc', 'a-b-c', 'abbcc', 'abcbc'], ['ab', 'acb', 'xabc', 'abcd']],
  ['??-[0-9][!x]', ['ab-1y', 'ü😀-90'], ['ab-1x', 'ab-y1', 'abc-1y']],
  ['[]a][^]]', ['aa', ']a'], ['a]', 'ba']],
  ['r-{a,bc}.{csv,txt}', ['r-a.csv', 'r-bc.txt'], ['r-b.csv', 'r-a,bc.csv', 'r-.csv']],
  ['{a,{b,c}d}', ['a', 'bd', 'cd'], ['b', 'ad']],
  ['{a}[b', ['{a}[b'], ['ab', 'a[b']],
  ['\\*\\{a,b\\}', ['*{a,b}'], ['xa', 'x{a,b}', '*a']],
  ['!a', ['!a'], ['b']],
  ['*', ['', 'a', 'two\nlines'], []],
  ['a+b.(c)', ['a+b.(c)'], ['aab.c']],
] as const)('"%s" matches %j and not %j', (pattern, yes, no) => {
  const isMatch = globMatcher(pattern);
  expect(yes.filter((name) => !isMatch(name))).toEqual([]);
  expect(no.filter((name) => isMatch(name))).toEqual([]);
});

it('is not slowed down by a name made to make it try everything', () => {
  const isMatch = globMatcher('*_*_*_*_*_*.csv');
  expect(Array.from({ length: 1_000 }, () => '_'.repeat(255)).some((name) => isMatch(name))).toBe(false);
});
