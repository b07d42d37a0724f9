import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { baseName, PathRefused, parsePath } from '../remote-path.js';
import { addBusinessDays, addMonths, dateOf, epochDay, weekendsOnly } from './business-day.js';
import { namesFor, whySuffixRefused } from './conflict.js';
import { isPartOf } from './part-name.js';
import { isPartNameBy, partPathBy, whyPartNamingRefused } from './part-naming.js';
import { findCollision, type NamingContext, targetNamer } from './target-path.js';
import { parseTemplate, TemplateRefused } from './template.js';

const context: NamingContext = {
  sourceDirectory: parsePath('in'),
  runId: '01981f5e-7c3a-7b1e-9d55-0c6f3b1f2a10',
  runAt: new Date('2026-12-31T23:30:00.120Z'),
  calendar: { weekend: [6, 7], holidays: new Set(['2027-01-01']) },
};

function named(template: string | undefined, path = 'in/a/b.tar.gz', change: Partial<NamingContext> = {}) {
  const name = targetNamer({ directory: parsePath('out'), name: template }, undefined, {
    ...context,
    ...change,
  });
  return name({ path: parsePath(path), modifiedAt: new Date('2026-06-30T22:00:00Z'), sequence: 7 });
}

describe('a template', () => {
  it.each([
    [undefined, 'out/b.tar.gz'],
    ['{name}', 'out/b.tar.gz'],
    ['{stem}-{ext}', 'out/b.tar-gz'],
    ['{stem, upper}{.ext}', 'out/B.TAR.gz'],
    ['{name,lower}', 'out/b.tar.gz'],
    ['{seq}', 'out/7'],
    ['{seq:4}', 'out/0007'],
    ['{runId}', 'out/01981f5e-7c3a-7b1e-9d55-0c6f3b1f2a10'],
    ['{source-dir}/{name}', 'out/a/b.tar.gz'],
    ['{source-dir:__}-{name}', 'out/a-b.tar.gz'],
    ['{{{name}}}', 'out/{b.tar.gz}'],
    ['{date:yyyyMMdd, zone=UTC}', 'out/20261231'],
    ['{date:yyyy-MM-dd_HH.mm.ss.SSS, zone=Europe/Berlin}', 'out/2027-01-01_00.30.00.120'],
    ['{date:yyDDD, zone=UTC}', 'out/26365'],
    ['{date:yyyyMMdd, zone=UTC, +1 day}', 'out/20270101'],
    ['{date:yyyyMMdd, zone=UTC, -4 weeks}', 'out/20261203'],
    ['{date:yyyyMMdd, zone=UTC, +2 months}', 'out/20270228'],
    ['{date:yyyyMMddHH, zone=UTC, +1 hour}', 'out/2027010100'],
    ['{date:yyyyMMdd, zone=UTC, +1 business day}', 'out/20270104'],
    ['{date:yyyyMMdd, zone=Europe/Berlin, +0 business days}', 'out/20270104'],
    ['{date:yyyyMMdd, zone=Europe/Berlin, -1 business day}', 'out/20261231'],
    ['{modified:yyyyMMdd, zone=Asia/Tokyo}', 'out/20260701'],
  ])('%s makes %s', (template, path) => {
    expect(named(template)).toBe(path);
  });

  it.each([
    [undefined, 'out/b.csv.zip.asc'],
    ['{name}', 'out/b.csv.zip.asc'],
    ['x-{stem}{.ext}', 'out/x-b.csv.zip.asc'],
    ['{ext}', 'out/asc'],
    ['{source-dir}', 'out/a'],
  ])('%s makes %s of a file that transforms have renamed', (template, path) => {
    const transforms = [
      { kind: 'gunzip' },
      { kind: 'zip' },
      { kind: 'openpgp-sign', signWith: 'ours', armor: true },
    ] as const;
    expect(named(template, 'in/a/b.csv.gz', { transforms })).toBe(path);
  });

  it('mirrors directories before it begins', () => {
    const name = targetNamer({ directory: parsePath('out'), name: 'x-{name}' }, 'mirror', context);
    const file = { modifiedAt: new Date(), sequence: 1 };
    expect(name({ ...file, path: parsePath('in/a/b/c') })).toBe('out/a/b/x-c');
    expect(name({ ...file, path: parsePath('in/c') })).toBe('out/x-c');
  });

  it.each([
    ['', 0, /empty/],
    ['{nam}', 1, /no macro \{nam\}/],
    ['a{name', 1, /without its "}"/],
    ['a}b', 1, /without its "{"/],
    ['{date:yyyyMMdd}', 6, /time zone/],
    ['{date}', 1, /say how/],
    ['{date:YYYY, zone=UTC}', 6, /begins no field/],
    ['{date:yyyyQ, zone=UTC}', 10, /"Q" begins no field/],
    ['{date:yyyy, zone=Mars/Base}', 12, /not an IANA time zone/],
    ['{date:yyyy, zone=UTC, tomorrow}', 22, /"tomorrow" is neither/],
    ['{date:yyyy, zone=UTC, +1000 days}', 22, /more than 999/],
    ['{seq:0}', 5, /width/],
    ['{name:x}', 6, /takes nothing/],
    ['{name, shout}', 7, /neither "upper"/],
    ['{runId, upper}', 8, /takes no options/],
    ['{source-dir:/}', 12, /stand for the slashes/],
    ['../{name}', 0, /no directories/],
    ['{name}/', 6, /ends with/],
    ['a\nb', 1, /control/],
  ])('%j is refused at %i', (template, position, why) => {
    const refused = () => parseTemplate(template);
    expect(refused).toThrow(TemplateRefused);
    expect(refused).toThrow(expect.objectContaining({ position, why: expect.stringMatching(why) }));
  });

  it.each([
    ['{ext}', 'in/plain'],
    ['.{ext}', 'in/plain'],
    ['.waybill-0123456789ab-{stem}.part', 'in/a'],
    ['{name}{name}', `in/${'x'.repeat(200)}`],
  ])('%s names no file %s', (template, path) => {
    expect(() => named(template, path)).toThrow(PathRefused);
  });

  const piece = fc.oneof(
    fc.constantFrom(
      '{name}',
      '{stem}',
      '{ext}',
      '{.ext}',
      '{source-dir}',
      '{source-dir:_}',
      '{seq:3}',
      '/',
      '.',
      '..',
      '{{',
    ),
    fc.string({ maxLength: 5, unit: 'grapheme' }),
  );
  const segment = fc.oneof(
    fc.constantFrom('...', '.a', 'a.', '..b'),
    fc.string({ maxLength: 8, unit: 'grapheme' }),
  );

  it('never leads out of the directory, whatever the template and the name', () => {
    const check = (pieces: string[], segments: string[], recursion?: 'mirror' | 'flatten') => {
      const template = pieces.join('');
      try {
        const path = parsePath(['in', ...segments, 'f'].join('/'));
        const name = targetNamer({ directory: parsePath('out/x'), name: template }, recursion, context);
        const target = name({ path, modifiedAt: context.runAt, sequence: 1 });
        expect(target.startsWith('out/x/')).toBe(true);
        expect(parsePath(target)).toBe(target);
      } catch (error) {
        expect(error instanceof PathRefused || error instanceof TemplateRefused).toBe(true);
      }
    };
    const recursion = fc.constantFrom('mirror' as const, 'flatten' as const, undefined);
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), fc.array(segment, { maxLength: 3 }), recursion, check),
      { numRuns: 1_000 },
    );
  });

  it('of stem and extension is the name again', () => {
    const of = fc.stringMatching(/^[a.]{1,6}$/).filter((text) => !/^\.\.?$/.test(text));
    const check = (name: string) => {
      expect(named('{stem}{.ext}', `in/${name}`)).toBe(`out/${name}`);
    };
    fc.assert(fc.property(of, check));
  });
});

describe('a business day', () => {
  it('lies as many working days ahead as were asked for, and back again', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40_000 }), fc.integer({ min: 1, max: 50 }), (day, count) => {
        const start = addBusinessDays(day, 0, weekendsOnly);
        const end = addBusinessDays(start, count, weekendsOnly);
        expect(addBusinessDays(end, -count, weekendsOnly)).toBe(start);
        expect(end - start).toBeGreaterThanOrEqual(count);
      }),
    );
  });

  it('is looked for no longer than ten years', () => {
    const never = { weekend: [1, 2, 3, 4, 5, 6, 7], holidays: new Set<string>() };
    expect(() => addBusinessDays(0, 1, never)).toThrow(RangeError);
  });

  it('has months of any length', () => {
    expect(dateOf(addMonths(epochDay(2028, 1, 31), 1))).toEqual({ year: 2028, month: 2, day: 29 });
    expect(dateOf(addMonths(epochDay(2026, 1, 15), -13))).toEqual({ year: 2024, month: 12, day: 15 });
  });
});

describe('names beside one that is taken', () => {
  const firstOf = (name: string, count: number, suffix?: string) =>
    [...namesFor(parsePath(name), suffix)].slice(0, count);

  it('are counted up before the extension', () => {
    expect(firstOf('out/a.csv', 3)).toEqual(['out/a.csv', 'out/a (1).csv', 'out/a (2).csv']);
    expect(firstOf('out/a', 2, '_{n}')).toEqual(['out/a', 'out/a_1']);
  });

  it('are of one length at most, and come to an end', () => {
    const names = firstOf(`out/${'ü'.repeat(125)}.csv`, 2_000);
    expect(new Set(names).size).toBe(1_000);
    for (const name of names) expect(Buffer.byteLength(baseName(name))).toBeLessThanOrEqual(255);
  });

  it.each(['', 'x', '{n}{n}', '/{n}'])('the suffix "%s" is refused', (suffix) => {
    expect(whySuffixRefused(suffix)).toBeDefined();
  });
});

describe('a part file', () => {
  const id = '0199aaaa-bbbb-7ccc-8ddd-0123456789ab';
  const target = parsePath('out/a.csv');

  it.each([
    [undefined, 'out/.waybill-0123456789ab-a.csv.part'],
    [{ kind: 'suffix', suffix: '.tmp' }, 'out/a.csv.tmp'],
    [{ kind: 'prefix', prefix: '~' }, 'out/~a.csv'],
    [{ kind: 'directory', directory: parsePath('tmp') }, 'tmp/.waybill-0123456789ab-a.csv.part'],
    [{ kind: 'none' }, 'out/a.csv'],
  ] as const)('by %j is %s', (naming, path) => {
    expect(partPathBy(naming, id, target)).toBe(path);
    expect(isPartNameBy(naming, baseName(parsePath(path)))).toBe(naming?.kind !== 'none');
    expect(isPartNameBy(naming, 'a.csv')).toBe(false);
  });

  it.each([
    { kind: 'suffix', suffix: '.tmp' },
    { kind: 'prefix', prefix: '~~~~' },
  ] as const)('has our own name where $kind makes it too long', (naming) => {
    const name = parsePath('x'.repeat(252));
    expect(isPartOf(id, partPathBy(naming, id, name))).toBe(true);
    expect(isPartOf(id, partPathBy(naming, id, parsePath('x'.repeat(251))))).toBe(false);
  });

  it.each(['', '/', 'x'.repeat(31), '\n'])('is never told by the affix "%s"', (affix) => {
    expect(whyPartNamingRefused({ kind: 'suffix', suffix: affix })).toMatch('suffix');
    expect(whyPartNamingRefused({ kind: 'prefix', prefix: affix })).toMatch('prefix');
  });
});

it('finds two sources under one name', () => {
  const pair = (sourcePath: string, targetPath: string) => ({ sourcePath, targetPath });
  expect(findCollision([pair('a', 'x'), pair('b', 'y')])).toBeUndefined();
  expect(findCollision([pair('a', 'x'), pair('b', 'y'), pair('c', 'x')])).toEqual({
    targetPath: 'x',
    sources: ['a', 'c'],
  });
});
