import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePath, type RemotePath } from '../remote-path.js';
import { compileRules, whyRulesRefused } from './compile-rules.js';
import {
  type Candidate,
  explainSelection,
  nothingTaken,
  type SelectionContext,
} from './explain-selection.js';
import type { SelectionRules } from './rules.js';
import { companionsOf, select, whyUnexpected } from './select.js';

const now = new Date('2026-03-01T06:00:00Z');

function aFile(path: string, { size = 1, ageMs = 3_600_000 } = {}): Candidate {
  const modifiedAt = new Date(now.getTime() - ageMs);
  return { path: parsePath(path), first: { at: now, size, modifiedAt } };
}

function rulesOf(selection: SelectionRules = {}, include = ['*'], exclude: string[] = []) {
  return compileRules({ include, exclude, selection });
}

function contextOf(files: readonly Candidate[], rules: ReturnType<typeof rulesOf>): SelectionContext {
  const paths = new Set(files.map(({ path }) => path));
  const companions = companionsOf(paths, rules);
  return {
    clock: { timePrecisionMs: 1, clockOffsetMs: 0 },
    sizeOf: (path) => (paths.has(path) ? 1 : undefined),
    isCompanion: (path) => companions.has(path),
    taken: nothingTaken,
  };
}

function outcomes(files: Candidate[], selection: SelectionRules, change: Partial<SelectionContext> = {}) {
  const rules = rulesOf(selection);
  const explained = select(files, rules, { ...contextOf(files, rules), ...change });
  return Object.fromEntries(explained.map(({ file, outcome }) => [file.path, outcome]));
}

describe('a file is', () => {
  it.each<[string, SelectionRules, Parameters<typeof aFile>[1], string, RegExp]>([
    ['selected', {}, {}, 'selected', /every rule/],
    ['too small', { minBytes: 5 }, { size: 4 }, 'wrong-size', /4 bytes, fewer than 5/],
    ['too large', { maxBytes: 5 }, { size: 6 }, 'wrong-size', /6 bytes, more than 5/],
    ['too young', { minAgeMs: 9_000 }, { ageMs: 8_000 }, 'wrong-age', /8000 ms old, less than 9000/],
    ['too old', { maxAgeMs: 9_000 }, { ageMs: 10_000 }, 'wrong-age', /more than 9000/],
    ['empty and skipped', { emptyFiles: 'skip' }, { size: 0 }, 'empty', /skipped/],
    ['empty and an error', { emptyFiles: 'fail' }, { size: 0 }, 'empty-refused', /error/],
    ['empty and perhaps just begun', { emptyFiles: 'fail' }, { size: 0, ageMs: 0 }, 'unsettled', /still be/],
    ['fresh', {}, { ageMs: 100 }, 'unsettled', /modified 100 ms ago/],
    ['fresh and taken all the same', { settleMs: 0 }, { ageMs: 0 }, 'selected', /every rule/],
  ])('%s', (_, selection, content, outcome, because) => {
    const file = aFile('in/a.csv', content);
    const rules = rulesOf(selection);
    const verdict = explainSelection(file, rules, contextOf([file], rules));
    expect(verdict).toEqual({ outcome, because: expect.stringMatching(because) });
  });

  it('left alone if it is a part file of ours, or was seen before', () => {
    expect(outcomes([aFile('in/.waybill-0123456789ab-a.part')], {})).toEqual({
      'in/.waybill-0123456789ab-a.part': 'part-file',
    });
    expect(outcomes([aFile('in/a')], {}, { whySeen: () => 'it was delivered before' })).toEqual({
      'in/a': 'seen',
    });
  });

  it('waited for until its done-file lies beside it', () => {
    const files = ['a.csv', 'a.csv.done', 'b.csv', 'c.csv.done', 'd/b.csv.done'].map((name) =>
      aFile(`in/${name}`),
    );
    expect(outcomes(files, { doneFile: { name: '{name}.done', afterwards: 'keep' } })).toEqual({
      'in/a.csv': 'selected',
      'in/a.csv.done': 'companion',
      'in/b.csv': 'not-done',
      'in/c.csv.done': 'not-done',
      'in/d/b.csv.done': 'not-done',
    });
    const stems = [aFile('in/a.csv'), aFile('in/A.OK')];
    expect(outcomes(stems, { doneFile: { name: '{stem, upper}.OK', afterwards: 'keep' } })).toMatchObject({
      'in/a.csv': 'selected',
    });
  });
});

describe('a run takes', () => {
  const files = [
    aFile('in/a', { size: 3, ageMs: 1_000_000 }),
    aFile('in/b', { size: 1, ageMs: 3_000_000 }),
    aFile('in/c', { size: 2, ageMs: 2_000_000 }),
  ];
  const taken = (selection: SelectionRules, context: Partial<SelectionContext> = {}) => {
    const found = Object.entries(outcomes(files, selection, context));
    return found.filter(([, outcome]) => outcome === 'selected').map(([path]) => path.slice(3));
  };

  it.each<[SelectionRules, string[]]>([
    [{}, ['a', 'b', 'c']],
    [{ order: { by: 'name', descending: true } }, ['c', 'b', 'a']],
    [{ order: { by: 'time' } }, ['b', 'c', 'a']],
    [{ order: { by: 'size', descending: true } }, ['a', 'c', 'b']],
    [{ atMostFiles: 2, order: { by: 'time' } }, ['b', 'c']],
    [{ atMostBytes: 4 }, ['a', 'b']],
    [{ atMostBytes: 3, order: { by: 'size' } }, ['b', 'c']],
  ])('by %j: %j', (selection, names) => {
    expect(taken(selection)).toEqual(names);
  });

  it('a file that is larger than the limit alone, or it would never be taken', () => {
    expect(taken({ atMostBytes: 1 })).toEqual(['a']);
  });

  it('no smaller file past a larger one that has to wait', () => {
    expect(taken({ atMostBytes: 4, order: { by: 'time' } })).toEqual(['b', 'c']);
    expect(taken({ atMostBytes: 2, order: { by: 'name', descending: true } })).toEqual(['c']);
  });

  it('less where earlier attempts took some', () => {
    expect(taken({ atMostFiles: 2 }, { taken: { files: 1, bytes: 9, full: false } })).toEqual(['a']);
  });
});

it('expects what counts as ready, and says what is not', () => {
  const files = [aFile('a'), aFile('b', { ageMs: 0 }), aFile('c')];
  const rules = rulesOf({ expect: { min: 3 }, atMostFiles: 1 });
  const explained = select(files, rules, contextOf(files, rules));
  expect(whyUnexpected(explained, rules)).toBe(
    'at least 3 files are expected; there are 2, and 1 that may still be being written',
  );
  expect(whyUnexpected(explained, rulesOf({ expect: { min: 2, max: 2 } }))).toBeUndefined();
});

it.each<[SelectionRules, string]>([
  [{ minBytes: 2, maxBytes: 1 }, 'maxBytes'],
  [{ minAgeMs: 2, maxAgeMs: 1 }, 'maxAgeMs'],
  [{ expect: { min: 2, max: 1 } }, 'expect'],
  [{ doneFile: { name: 'READY', afterwards: 'keep' } }, 'doneFile'],
  [{ doneFile: { name: '{name}{seq}', afterwards: 'keep' } }, 'doneFile'],
  [{ doneFile: { name: 'done/{name}', afterwards: 'keep' } }, 'doneFile'],
  [{ doneFile: { name: '{name', afterwards: 'keep' } }, 'doneFile'],
])('refuses %j', (rules, member) => {
  expect(whyRulesRefused(rules)).toMatchObject({ member });
});

const name = fc.stringMatching(/^[ab.]{1,4}$/).filter((text) => !/^\.\.?$/.test(text));
const someFiles = fc
  .uniqueArray(fc.record({ name, size: fc.nat(5), ageMs: fc.nat(20_000) }), {
    selector: ({ name: of }) => of,
    maxLength: 12,
  })
  .map((files) => files.map(({ name: of, ...content }) => aFile(`in/${of}`, content)));
const someRules = fc.record<SelectionRules>(
  {
    minBytes: fc.nat(2),
    maxBytes: fc.integer({ min: 2, max: 5 }),
    minAgeMs: fc.nat(10_000),
    maxAgeMs: fc.integer({ min: 10_000, max: 20_000 }),
    emptyFiles: fc.constantFrom('move', 'skip', 'fail'),
    settleMs: fc.constantFrom(0, 2_000),
    doneFile: fc.constantFrom<SelectionRules['doneFile']>(
      undefined,
      { name: '{stem}.b', afterwards: 'move' },
      { name: '{name}.a', afterwards: 'keep' },
    ),
    order: fc.record({ by: fc.constantFrom('name', 'time', 'size'), descending: fc.boolean() }),
    atMostFiles: fc.integer({ min: 1, max: 5 }),
    atMostBytes: fc.integer({ min: 1, max: 15 }),
  },
  { requiredKeys: [] },
);
const withRules = (check: (files: Candidate[], selection: SelectionRules) => void) =>
  fc.assert(fc.property(someFiles, someRules, check), { numRuns: 500 });
const selectedPaths = (files: Candidate[], selection: SelectionRules): RemotePath[] => {
  const rules = rulesOf(selection, ['*', '.*']);
  const explained = select(files, rules, contextOf(files, rules));
  return explained.filter(({ outcome }) => outcome === 'selected').map(({ file }) => file.path);
};

describe('whatever the rules and the files,', () => {
  it('each file has one verdict, and does not depend on the order of the listing', () => {
    withRules((files, selection) => {
      const rules = rulesOf(selection);
      const explained = select(files, rules, contextOf(files, rules));
      expect(explained.map(({ file }) => file.path).sort()).toEqual(files.map(({ path }) => path).sort());
      const turned = [...files].reverse();
      expect(select(turned, rules, contextOf(turned, rules))).toEqual(explained);
    });
  });

  it('what is explained of a file by itself is what selection made of it', () => {
    withRules((files, selection) => {
      const rules = rulesOf(selection);
      const context = contextOf(files, rules);
      for (const { file, outcome, because } of select(files, rules, context))
        if (outcome !== 'over-limit')
          expect(explainSelection(file, rules, context)).toEqual({ outcome, because });
    });
  });

  it('a further rule takes files away and adds none', () => {
    withRules((files, selection) => {
      const { atMostFiles: _, atMostBytes: __, doneFile: ___, ...alone } = selection;
      const both = new Set(selectedPaths(files, alone));
      for (const [key, value] of Object.entries(alone)) {
        const one = selectedPaths(files, { settleMs: alone.settleMs, [key]: value });
        for (const path of both) expect(one).toContain(path);
      }
    });
  });

  it('the limits hold, but for one file alone', () => {
    withRules((files, selection) => {
      const paths = selectedPaths(files, selection);
      const sizes = files.filter(({ path }) => paths.includes(path)).map(({ first }) => first.size);
      expect(paths.length).toBeLessThanOrEqual(selection.atMostFiles ?? files.length);
      const bytes = sizes.reduce((sum, size) => sum + size, 0);
      if (paths.length > 1) expect(bytes).toBeLessThanOrEqual(selection.atMostBytes ?? bytes);
    });
  });

  it('100,000 files are selected, each of them judged once', { timeout: 60_000 }, () => {
    const first = { at: now, size: 1, modifiedAt: new Date(now.getTime() - 3_600_000) };
    const path = (i: number) => `in/${(i * 7919) % 100_000}.csv` as RemotePath;
    const files = Array.from({ length: 100_000 }, (_, i) => ({ path: path(i), first }));
    const rules = rulesOf({ atMostFiles: 60_000, order: { by: 'time' } }, ['/[0-9]+\\.csv/']);
    let asked = 0;
    const whySeen = () => {
      asked++;
      return undefined;
    };
    const explained = select(files, rules, { ...contextOf([], rules), whySeen });
    expect(explained.filter(({ outcome }) => outcome === 'selected')).toHaveLength(60_000);
    expect(asked).toBe(100_000);
  });
});
