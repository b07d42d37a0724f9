import { describe, expect, it } from 'vitest';
import { parsePath } from '../remote-path.js';
import type { Disposition } from '../transfer.js';
import { whyChecksumFilesRefused } from './checksum-files.js';
import { companionNameTester } from './companion.js';
import { compileRules } from './compile-rules.js';
import type { SelectionRules } from './rules.js';
import { companionsOf, select } from './select.js';

interface Rules {
  readonly required?: string;
  readonly written?: string;
  readonly doneFile?: SelectionRules['doneFile'];
  readonly disposition?: Disposition;
}

function why({ required, written, doneFile, disposition = { kind: 'keep' } }: Rules) {
  const rule = (name: string | undefined) =>
    name === undefined ? undefined : { name, algorithm: 'sha256' as const };
  return whyChecksumFilesRefused({
    source: { selection: { doneFile }, checksumFile: rule(required) },
    target: { checksumFile: rule(written) },
    disposition,
  });
}

describe('a definition', () => {
  it.each<[string, Rules]>([
    ['of none', {}],
    ['of both sides', { required: '{name}.sha256', written: '{name}.sha256' }],
    ['of files that share one and stay', { required: '{stem}.sha256' }],
    ['of names in parts', { required: '{stem}{.ext}.sha256', disposition: { kind: 'delete' } }],
    [
      'of another name than that of the done-file',
      { written: '{name}.md5', doneFile: { name: '{name}.ok', afterwards: 'move' } },
    ],
  ])('%s is taken', (_, rules) => {
    expect(why(rules)).toBeUndefined();
  });

  it.each<[string, Rules, string, RegExp]>([
    ['of one name for all', { required: 'SHA256SUMS' }, 'source', /has to hold \{name\} or \{stem\}/],
    ['of a date', { written: '{name}_{date:yyyy, zone=UTC}' }, 'target', /is made of/],
    ['of another directory', { written: 'sums/{name}.sha256' }, 'target', /no "\/"/],
    ['of an unknown macro', { written: '{nmae}.sha256' }, 'target', /no macro \{nmae\}/],
    ["of its file's own name", { written: '{name}' }, 'target', /differ .* by a text/],
    [
      'of the name of the done-file',
      { required: '{name}.ok', doneFile: { name: '{name}.ok', afterwards: 'keep' } },
      'source',
      /done-file/,
    ],
    [
      'of the name that a done-file is moved to',
      { written: '{name}.ok', doneFile: { name: '{name}.ok', afterwards: 'move' } },
      'target',
      /done-file/,
    ],
    [
      'that files share and lose',
      { required: '{stem}.md5', disposition: { kind: 'delete' } },
      'source',
      /share/,
    ],
    [
      'that files share in some letters',
      { required: '{name, upper}.md5', disposition: { kind: 'delete' } },
      'source',
      /share/,
    ],
  ])('%s is refused', (_, rules, side, message) => {
    expect(why(rules)).toMatchObject({
      path: [side, 'checksumFile', 'name'],
      message: expect.stringMatching(message),
    });
  });
});

it('the name of a checksum file is told, whether its file is there or not', () => {
  const told = (template: string, names: string[]) => names.filter(companionNameTester(template));
  const names = ['a.sha256', '.sha256', 'a.sha256.b', 'sum_a', 'sum_a.txt', 'a_sum_b.txt'];
  expect(told('{name}.sha256', names)).toEqual(['a.sha256']);
  expect(told('sum_{name}', names)).toEqual(['sum_a', 'sum_a.txt']);
  expect(told('{stem}_sum_{name}.txt', names)).toEqual(['a_sum_b.txt']);
});

describe('a file whose checksum file is required', () => {
  const now = new Date('2026-03-01T06:00:00Z');
  const outcomes = (files: Record<string, { ageMs?: number; size?: number }>, graceMs?: number) => {
    const rules = compileRules({
      ...{ include: ['*'], exclude: [] },
      selection: { settleMs: 0 },
      checksumFile: { name: '{name}.md5', algorithm: 'md5', graceMs },
    });
    const candidates = Object.entries(files).map(([name, { ageMs = 0, size = 1 }]) => ({
      path: parsePath(name),
      first: { at: now, size, modifiedAt: new Date(now.getTime() - ageMs) },
    }));
    const sizes = new Map(candidates.map(({ path, first }) => [path, first.size]));
    const companions = companionsOf(sizes.keys(), rules);
    const explained = select(candidates, rules, {
      clock: { timePrecisionMs: 1, clockOffsetMs: 0 },
      sizeOf: (path) => sizes.get(path),
      isCompanion: (path) => companions.has(path),
      taken: { files: 0, bytes: 0, full: false },
    });
    return Object.fromEntries(explained.map(({ file, outcome }) => [file.path, outcome]));
  };

  it('is taken with it, and the checksum file is none to take', () => {
    expect(outcomes({ a: {}, 'a.md5': {}, 'gone.md5': {} })).toEqual({
      ...{ a: 'selected', 'a.md5': 'companion', 'gone.md5': 'companion' },
    });
  });

  it('is left alone without it for five minutes, or as long as is agreed; then it is taken, to fail', () => {
    expect(outcomes({ a: { ageMs: 299_999 }, b: { ageMs: 300_000 } })).toEqual({
      a: 'not-done',
      b: 'selected',
    });
    expect(outcomes({ a: { ageMs: 9 }, b: { ageMs: 10 } }, 10)).toEqual({ a: 'not-done', b: 'selected' });
  });

  it('is left alone while it is empty, as one that has just been begun is', () => {
    expect(outcomes({ a: {}, 'a.md5': { size: 0 } })).toMatchObject({ a: 'not-done' });
  });
});
