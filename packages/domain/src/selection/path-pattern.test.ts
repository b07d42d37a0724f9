import { expect, it } from 'vitest';
import { pathMatcher, whyPathPatternRefused } from './path-pattern.js';

it.each([
  ['out/*.csv', ['out/a.csv'], ['a.csv', 'out/deep/a.csv', 'other/a.csv', 'out/a.txt']],
  ['*.csv', ['a.csv', 'out/a.csv', 'out/deep/a.csv'], ['a.txt', 'a.csv/b']],
  ['/*.csv', ['a.csv'], ['out/a.csv']],
  ['out/deep/{a,b}', ['out/deep/a', 'out/deep/b'], ['out/a']],
  ['o*/a', ['o*/a'], ['out/a']],
])('%s means %j, but not %j', (pattern, meant, others) => {
  const isMeant = pathMatcher(pattern);
  expect(meant.filter((path) => !isMeant(path))).toEqual([]);
  expect(others.filter(isMeant)).toEqual([]);
});

it('is refused where its names are no glob', () => {
  expect(whyPathPatternRefused('out/')).toBe('the pattern is empty');
  expect(whyPathPatternRefused('out/(a|b)')).toContain('parentheses');
  expect(whyPathPatternRefused('out/a*')).toBeUndefined();
});
