import { createHash } from 'node:crypto';
import { newId, parsePath, type TransferDefinition } from '@waybill/domain';
import { type MemoryEndpoint, openMemoryEndpoint, type StorageEndpoint } from '@waybill/storage';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DryRunInput, dryRun, explainPath } from './dry-run.js';
import { MemoryJournal } from './testing/memory-journal.js';
import { aDefinition, aWorld, type DefinitionChange, seededAt } from './testing/world.js';

const now = new Date('2026-03-04T06:00:00Z');

/** An endpoint that can be listed, and nothing else. */
function listedOnly(endpoint: StorageEndpoint): StorageEndpoint {
  const may = new Set(['list', 'properties', 'label']);
  return new Proxy(endpoint, {
    get(target, member) {
      if (!may.has(String(member))) throw new Error(`a dry run has asked for ${String(member)}`);
      const value: unknown = Reflect.get(target, member, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function inputOf(source: MemoryEndpoint, definition: TransferDefinition): DryRunInput {
  return { definition, source: listedOnly(source), now: () => now, signal: new AbortController().signal };
}

function aSource(files: Record<string, string>): MemoryEndpoint {
  const source = openMemoryEndpoint();
  for (const [path, content] of Object.entries(files)) source.seed(`in/${path}`, content, seededAt);
  return source;
}

function tried(files: Record<string, string>, change: DefinitionChange = {}) {
  return inputOf(aSource(files), aDefinition(change));
}

describe('a dry run', () => {
  it('counts all and names a thousand of each decision', async () => {
    const files = Object.fromEntries(Array.from({ length: 1_500 }, (_, i) => [`${i}.csv`, 'two']));
    const { counts, files: named } = await dryRun(tried({ ...files, 'a.txt': 'x' }, { include: ['*.csv'] }));
    expect(counts).toEqual({
      ...{ move: { files: 1_500, bytes: 4_500 }, fail: { files: 0, bytes: 0 } },
      leave: { files: 1, bytes: 1 },
    });
    expect(named).toHaveLength(1_001);
  });

  it('tells what would keep a run from moving anything', async () => {
    const few = await dryRun(tried({ a: 'a' }, { selection: { settleMs: 0, expect: { min: 2 } } }));
    expect(few).toMatchObject({
      obstacle: expect.stringMatching(/^unexpected-files: .*at least 2 files are expected; there are 1/),
      files: [{ decision: 'leave', code: 'selected', because: 'every rule is met, but nothing is moved' }],
    });
    const flat = { selection: { settleMs: 0, recursive: 'flatten' } } as const;
    const two = await dryRun(tried({ 'a/x': '1', 'b/x': '2' }, flat));
    expect(two.obstacle).toMatch(/^misconfigured: in\/a\/x and in\/b\/x would both become out\/x/);
    const definition = aDefinition();
    const circle = { ...definition, target: definition.source };
    expect((await dryRun(inputOf(aSource({ a: 'a' }), circle))).obstacle).toMatch(/the same directory/);
  });

  it('waits for files to be settled as a run does, if that is not for too long', async () => {
    const source = openMemoryEndpoint();
    source.seed('in/fresh', 'x', now);
    const input = inputOf(source, aDefinition({ selection: { settleMs: 10 } }));
    let at = now.getTime();
    const ticking = () => {
      at += 10_000;
      return new Date(at);
    };
    expect(await dryRun({ ...input, now: ticking })).toMatchObject({ files: [{ decision: 'move' }] });
    expect(await dryRun({ ...input, settleWithinMs: 9 })).toMatchObject({
      files: [{ decision: 'leave', code: 'unsettled', because: expect.stringMatching(/looked at once/) }],
    });
  });

  it('asks the ledger what was delivered before, and which run is about to', async () => {
    const input = tried({ old: 'x', taken: 'x', new: 'x' }, { selection: { settleMs: 0, onlyNew: true } });
    const [runId, other] = [newId(), newId()];
    const entry = { size: 1, modifiedAt: seededAt, steady: true, sha256: '', runId, deliveredAt: now };
    const ledger = {
      delivered: async () => new Map([[parsePath('in/old'), entry]]),
      underWay: async () => new Map([[parsePath('in/taken'), other]]),
    };
    const { files } = await dryRun({ ...input, ledger });
    expect(files.map(({ decision, path, because }) => [decision, path, because])).toEqual([
      ['move', 'in/new', 'every rule is met'],
      ['leave', 'in/old', expect.stringContaining(`run ${runId} delivered it`)],
      ['leave', 'in/taken', expect.stringContaining(`run ${other} has selected it`)],
    ]);
  });

  it('leaves a set that is not whole, and fails one of which a file would fail', async () => {
    const selection = { settleMs: 0, emptyFiles: 'fail' } as const;
    const uncontrolled = await dryRun(tried({ a: 'a' }, { selection, set: { controlFile: '*.ctl' } }));
    expect(uncontrolled).toMatchObject({
      ...{ obstacle: null, counts: { move: { files: 0 } } },
      files: [{ decision: 'leave', because: expect.stringMatching(/but the set is not whole: .*"\*\.ctl"/) }],
    });
    const { files } = await dryRun(tried({ a: 'a', b: '' }, { selection, set: {} }));
    expect(files.map(({ path, decision, code }) => [path, decision, code])).toEqual([
      ['in/a', 'fail', 'set-incomplete'],
      ['in/b', 'fail', 'unexpected-files'],
    ]);
  });

  it('fails where the source cannot be listed', async () => {
    const source = openMemoryEndpoint();
    await expect(dryRun(inputOf(source, aDefinition()))).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('an explanation', () => {
  const explain = (path: string, files: Record<string, string>, change: DefinitionChange = {}) =>
    explainPath(tried(files, change), parsePath(path));

  it('answers every question by itself', async () => {
    const selection = { doneFile: { name: '{name}.ok', afterwards: 'keep' }, minBytes: 5 } as const;
    const { file, answers } = await explain('in/a', { a: 'four' }, { selection });
    expect(file).toMatchObject({ decision: 'leave', code: 'not-done', size: 4, targetPath: null });
    expect(answers.filter(({ answer }) => answer === 'no').map(({ question }) => question)).toEqual([
      'done-file',
      'size',
    ]);
  });

  it('takes the files before it into account', async () => {
    const selection = { settleMs: 0, atMostFiles: 1 };
    const second = await explain('in/b', { a: 'a', b: 'b' }, { selection });
    expect(second.file).toMatchObject({ decision: 'leave', code: 'over-limit' });
    expect(second.answers.at(-1)).toMatchObject({ question: 'limits', answer: 'no' });
  });

  it('asks a file whose name is not meant nothing else, unless it is a done-file that goes along', async () => {
    const files = { 'a.csv': 'a', 'a.csv.ok': '', 'b.txt': 'b' };
    const selection = { doneFile: { name: '{name}.ok', afterwards: 'move' } } as const;
    const change = { include: ['*.csv'], selection };
    expect(await explain('in/b.txt', files, change)).toMatchObject({
      file: { decision: 'leave', code: 'not-matched' },
      answers: [{ question: 'name', answer: 'no', because: 'no pattern includes its name: *.csv' }],
    });
    expect((await explain('in/a.csv.ok', files, change)).file).toMatchObject({
      ...{ decision: 'move', targetPath: 'out/a.csv.ok' },
      because: 'it goes with the file that it belongs to',
    });
  });

  it('says why there is nothing to explain', async () => {
    const nowhere = async (path: string, change?: DefinitionChange) =>
      (await explain(path, { 'd/a': 'a' }, change)).nowhere;
    const selection = { settleMs: 0, recursive: 'mirror' } as const;
    expect(await nowhere('in/gone')).toMatch(/no file is there/);
    expect(await nowhere('in/d')).toMatch(/a directory/);
    expect(await nowhere('inner/a')).toMatch(/does not lie in "in"/);
    expect(await nowhere('in/d/a')).toMatch(/directories below .* are not entered/);
    expect(await nowhere('in/.d/a', { selection })).toMatch(/hidden/);
    const archive = { kind: 'archive', directory: parsePath('in/d') } as const;
    expect(await nowhere('in/d/a', { selection, disposition: archive })).toMatch(/"in\/d" is the archive/);
    const claimed = aDefinition({ selection });
    const claim = { directory: parsePath('in/d') };
    const definition = { ...claimed, source: { ...claimed.source, claim } };
    expect(await explainPath(inputOf(aSource({}), definition), parsePath('in/d/a'))).toMatchObject({
      nowhere: 'claimed files lie in "in/d"',
    });
    expect(await nowhere('in/d/a', { selection })).toBeNull();
  });
});

const names = [
  'a.csv',
  'a.csv.ok',
  'a.csv.md5',
  'b.csv',
  'b.csv.ok',
  'c',
  '.hidden.csv',
  'd/a.csv',
  'd/a.csv.md5',
];
const md5 = (content: string) => createHash('md5').update(content).digest('hex');

/** Each checksum file is right: a dry run reads none. */
function withRightChecksums(files: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(files).map(([name, content]) => {
      const of = name.replace(/\.md5$/, '');
      return [name, of === name ? content : md5(files[of] ?? '')];
    }),
  );
}

const aTree = fc
  .dictionary(fc.constantFrom(...names), fc.constantFrom('', 'x', 'three'), { maxKeys: names.length })
  .map(withRightChecksums);
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const rules = fc.record({
  settleMs: fc.constant(0),
  recursive: optional(fc.constantFrom('mirror' as const, 'flatten' as const)),
  minBytes: optional(fc.constantFrom(0, 2)),
  emptyFiles: optional(fc.constantFrom('skip' as const, 'fail' as const)),
  doneFile: optional(
    fc.record({
      name: fc.constant('{name}.ok'),
      afterwards: fc.constantFrom('move' as const, 'keep' as const),
    }),
  ),
  order: optional(
    fc.record({ by: fc.constantFrom('name' as const, 'size' as const), descending: fc.boolean() }),
  ),
  atMostFiles: optional(fc.constantFrom(1, 2)),
  expect: optional(fc.record({ min: fc.constantFrom(0, 2) })),
});
const aCase = fc.record({
  files: aTree,
  selection: rules,
  include: fc.constantFrom(['*.csv'], ['*']),
  name: optional(fc.constantFrom('{seq}_{name}', '{ext}')),
  checksum: fc.boolean(),
  set: optional(fc.record({ controlFile: optional(fc.constantFrom('a*')) }, { requiredKeys: [] })),
});

it('a dry run, and the explanation of each file, tell what a run then does', async () => {
  const test = fc.asyncProperty(aCase, async ({ files, checksum, ...change }) => {
    // No definition has both.
    fc.pre(!change.set || change.selection.atMostFiles === undefined);
    const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
    const base = aDefinition(given);
    const checksumFile = { name: '{name}.md5', algorithm: 'md5' } as const;
    const definition = { ...base, source: { ...base.source, ...(checksum && { checksumFile }) } };
    const source = aSource(files);
    await source.makeDirectory(parsePath('in'), { signal: new AbortController().signal });
    const before = source.paths().map((path) => [path, source.content(path)?.toString()]);
    const input = inputOf(source, definition);

    const foreseen = await dryRun(input);
    const explained = await Promise.all(
      Object.keys(files).map(async (name) => (await explainPath(input, parsePath(`in/${name}`))).file),
    );
    expect(source.paths().map((path) => [path, source.content(path)?.toString()])).toEqual(before);
    const told = new Map(foreseen.files.map((file) => [file.path, file]));
    for (const file of explained) if (file) expect(file).toEqual(told.get(file.path));

    const journal = new MemoryJournal();
    const world = aWorld({});
    await world.run({ definition, source, journal, now: () => now }).catch(() => {});
    const records = [...journal.records.values()];
    const done = (state: string) => records.filter((record) => record.state === state);
    const decided = (decision: string) => foreseen.files.filter((file) => file.decision === decision);
    expect(foreseen.obstacle === null || records.length === 0).toBe(true);
    expect(decided('move').map(({ path, targetPath }) => `${path} ${targetPath}`)).toEqual(
      done('delivered').map(({ sourcePath, targetPath }) => `${sourcePath} ${targetPath}`),
    );
    expect(decided('fail').map(({ path, code }) => `${path} ${code}`)).toEqual(
      done('failed').map(({ sourcePath, failure }) => `${sourcePath} ${failure?.code}`),
    );
  });
  await fc.assert(test, { numRuns: 200 });
}, 60_000);
