import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { behaviourOf, PersonalityRefused, personalities } from './index.js';

const doc = readFileSync(new URL('../../../docs/simulator.md', import.meta.url), 'utf8');

it('docs/simulator.md has every personality with what it does, where it was seen and the promise, and no other', () => {
  const rows = doc.split('\n').filter((line) => line.startsWith('| `'));
  const actual = personalities.map(({ name, does, seenAt, promise, setting }) => {
    const shown = setting ? `\`${name}=${setting.default}\` ${setting.unit}` : `\`${name}\``;
    return `| ${shown} | ${does} | ${seenAt} | ${promise} |`;
  });
  expect(rows).toEqual(actual);
});

it('every name is there once, and makes a behaviour', () => {
  const names = personalities.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const name of names) expect(behaviourOf(name)).toBeTypeOf('object');
});

it.each([
  ['no-such', /no personality "no-such"; there are: windows-openssh/],
  ['no-rename=3', /takes no number/],
  ['cut-after=many', /takes a number of bytes/],
])('a personality that makes no sense is refused with a reason: %s', (text, message) => {
  expect(() => behaviourOf(text)).toThrow(PersonalityRefused);
  expect(() => behaviourOf(text)).toThrow(message);
});
