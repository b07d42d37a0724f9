import { describe, expect, it } from 'vitest';
import { compileRules, whyNotMatched } from './compile-rules.js';
import { namePattern, whyPatternRefused } from './name-pattern.js';

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
    ['INV_20260131.csv', ['/INV_\\d{8}\\.csv/'], [], true],
    ['xINV_20260131.csv', ['/INV_\\d{8}\\.csv/'], [], false],
    ['INV_1.CSV', ['/inv_\\d+\\.csv/i'], [], true],
    ['a.csv', ['*'], ['/[a-c]\\..*/'], false],
    ['.a', ['/.*/'], [], false],
    ['.a', ['/\\.a/'], [], true],
    ['.a', ['/^[.]a$/'], [], true],
    ['two\nlines', ['/two.lines/'], [], true],
  ] as const)('"%s" by %j but not %j is selected: %s', (name, include, exclude, selected) => {
    const rules = compileRules({ include, exclude });
    expect(whyNotMatched(name, rules) === undefined).toBe(selected);
  });

  it('that is not matched says by which pattern', () => {
    const rules = compileRules({ include: ['*.csv'], exclude: ['*.tmp.*'] });
    expect(whyNotMatched('a.txt', rules)).toBe('no pattern includes its name: *.csv');
    expect(whyNotMatched('a.tmp.csv', rules)).toBe('the pattern *.tmp.* excludes its name');
    expect(whyNotMatched('.a.csv', rules)).toMatch(/hidden/);
  });

  it.each(['/(a*)*b/', '/(.*a){20}/', '/(a|a)*c/', '/([a-z]+)+[0-9]/', '*a*a*a*a*a*b'])(
    'of 10 kB made to be slow is matched against %s in time',
    (pattern) => {
      const { isMatch } = namePattern(pattern);
      expect(Array.from({ length: 20 }, (_, i) => `${'a'.repeat(10_000 + i)}!`).filter(isMatch)).toEqual([]);
    },
  );
});

it.each([
  ['/(/', /missing closing/],
  ['/(?=a)b/', /RE2/],
  ['/(a)\\1/', /RE2/],
  ['/(.{100}){10}(.{100}){10}/', /steps/],
  [`/${'a'.repeat(600)}/`, /longer than 500/],
  ['a/b', /"\/"/],
])('the pattern %s is refused', (pattern, why) => {
  expect(whyPatternRefused(pattern)).toMatch(why);
});
