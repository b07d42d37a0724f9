import { parsePath } from '@waybill/domain';
import { type ListEntry, openMemoryEndpoint } from '@waybill/storage';
import { describe, expect, it } from 'vitest';
import type { DeliveryRecord } from './run-journal.js';
import { type SelectionInput, selectFiles } from './select-files.js';
import { aDefinition, aWorld, type DefinitionChange, seededAt, slowClock } from './testing/world.js';

const paths = (files: readonly { sourcePath: string }[]) => files.map(({ sourcePath }) => sourcePath);

/** What a run selects out of files that were modified at `seededAt`. */
async function selected(
  files: Record<string, string>,
  change: DefinitionChange = {},
  input: Partial<SelectionInput> = {},
) {
  const source = openMemoryEndpoint();
  for (const [path, content] of Object.entries(files)) source.seed(path, content, seededAt);
  return selectFiles({
    ...{ definition: aDefinition(change), source, now: slowClock(), known: [], warn: () => {} },
    signal: new AbortController().signal,
    ...input,
  });
}

/** An endpoint that lists these entries. */
function listing(entries: readonly ListEntry[]): SelectionInput['source'] {
  return Object.assign(openMemoryEndpoint(), {
    async *list() {
      yield* entries;
    },
  });
}

it('selects in the order of the names, whatever the order of the listing', async () => {
  const files = await selected({ 'in/b': '', 'in/a10': '', 'in/B': '', 'in/a2': '' });
  expect(paths(files)).toEqual(['in/B', 'in/a10', 'in/a2', 'in/b']);
});

it('names a refused name that would match if it were safe', async () => {
  const source = listing([
    { kind: 'refused', name: '../evil.csv', reason: 'the name holds a "/"' },
    { kind: 'refused', name: 'evil\u0000.txt', reason: 'control character' },
    { kind: 'other', path: parsePath('in/link.csv') },
  ]);
  expect(await selected({}, { include: ['[!a]*.csv', '..*.csv'] }, { source })).toMatchObject([
    { sourcePath: 'in/../evil.csv', targetPath: '', failure: { code: 'path-refused' } },
  ]);
});

describe('directories below the source directory', () => {
  const tree = { 'in/x.csv': 'x', 'in/a/y.csv': 'y', 'in/a/b/z.csv': 'z', 'in/.h/w.csv': 'w' };
  const targets = (files: readonly { targetPath: string }[]) => files.map(({ targetPath }) => targetPath);

  it('are left alone if nothing is said', async () => {
    expect(paths(await selected(tree))).toEqual(['in/x.csv']);
  });

  it('are mirrored at the target, but for hidden ones', async () => {
    const files = await selected(tree, { selection: { recursive: 'mirror' } });
    expect(targets(files)).toEqual(['out/a/b/z.csv', 'out/a/y.csv', 'out/x.csv']);
  });

  it('are flattened, with or without a trace of them in the names', async () => {
    const selection = { recursive: 'flatten' } as const;
    expect(targets(await selected(tree, { selection }))).toEqual(['out/z.csv', 'out/y.csv', 'out/x.csv']);
    const name = '{source-dir:-}-{name}';
    const traced = await selected(tree, { selection, name });
    expect(targets(traced)).toEqual(['out/a-b-z.csv', 'out/a-y.csv', 'out/-x.csv']);
  });

  it('are not entered where the transfer itself puts files', async () => {
    const definition = aDefinition({
      selection: { recursive: 'mirror' },
      disposition: { kind: 'archive', directory: parsePath('in/a') },
    });
    const { endpointId } = definition.source;
    const target = { endpointId, directory: parsePath('in/t') };
    const files = await selected(
      { 'in/x': '', 'in/a/x': '', 'in/t/x': '', 'in/o/x': '' },
      {},
      { definition: { ...definition, target } },
    );
    expect(paths(files)).toEqual(['in/o/x', 'in/x']);
  });
});

it('refuses two sources that would get one name, before anything moves', async () => {
  const tree = { 'in/a/x.csv': 'a', 'in/b/x.csv': 'b' };
  const flat = selected(tree, { selection: { recursive: 'flatten' } });
  await expect(flat).rejects.toMatchObject({
    code: 'misconfigured',
    message: expect.stringContaining('in/a/x.csv and in/b/x.csv would both become out/x.csv'),
  });
  const known = [{ sourcePath: 'in/gone', targetPath: 'out/one', size: 1 } as DeliveryRecord];
  await expect(selected({ 'in/x': '' }, { name: 'one' }, { known })).rejects.toMatchObject({
    code: 'misconfigured',
  });
});

it('fails a file alone whose name would be none at the target', async () => {
  const files = await selected({ 'in/plain': '', 'in/x.csv': '' }, { name: '{ext}' });
  expect(files).toMatchObject([
    { sourcePath: 'in/plain', targetPath: '', failure: { code: 'path-refused' } },
    { targetPath: 'out/csv' },
  ]);
});

it('counts what earlier attempts took towards the limits and the numbers of a run', async () => {
  const known = [{ sourcePath: 'in/a', targetPath: 'out/1', size: 10 } as DeliveryRecord];
  const files = { 'in/a': 'a', 'in/b': 'b', 'in/c': 'c' };
  const rest = await selected(files, { selection: { atMostFiles: 2 }, name: '{seq}' }, { known });
  expect(rest).toMatchObject([{ sourcePath: 'in/b', targetPath: 'out/2' }]);
});

it.each([
  [{ min: 3 }, /at least 3 files are expected; there are 2/],
  [{ max: 1 }, /at most 1 files are expected; there are 2/],
])('moves nothing where %j files are expected and there are two', async (expected, message) => {
  const files = { 'in/a': 'a', 'in/b': 'b' };
  const failed = selected(files, { selection: { expect: expected } });
  await expect(failed).rejects.toMatchObject({
    code: 'unexpected-files',
    message: expect.stringMatching(message),
  });
  const known = [{ sourcePath: 'in/c', targetPath: 'out/c', size: 1 } as DeliveryRecord];
  const later = await selected(files, { selection: { expect: expected } }, { known });
  expect(later).toHaveLength(2);
});

describe('a file that may still be being written', () => {
  const selection = { settleMs: 30 };
  const fresh = (names: string[]) => {
    const world = aWorld({ old: 'old' }, { selection });
    for (const name of names) world.source.seed(`in/${name}`, name, new Date('2026-02-01T00:00:00Z'));
    return world;
  };

  it('is taken once it stayed the same', async () => {
    const world = fresh(['new']);
    expect(await world.run()).toMatchObject({ selected: 2, delivered: 2 });
    expect(world.warnings).toEqual([]);
  });

  it('is left for the next run, unrecorded, and holds up no other', async () => {
    const world = fresh(['growing', 'new']);
    const run = world.run({ now: slowClock() });
    setTimeout(() => world.source.seed('in/growing', 'more', new Date('2026-02-01T00:00:01Z')), 10);
    expect(await run).toMatchObject({ state: 'succeeded', selected: 2, delivered: 2 });
    expect(world.target.paths()).toEqual(['out/new', 'out/old']);
    expect(world.warnings).toEqual([
      expect.stringMatching(/^in\/growing at .* next run: .* its size went from 7 to 4/),
    ]);
    expect(await world.run({ now: slowClock() })).toMatchObject({ selected: 3, delivered: 3 });
  });

  it('is not waited for where its age is proof enough', async () => {
    const world = aWorld({ old: 'old' }, { selection: { settleMs: 3_600_000 } });
    expect(await world.run()).toMatchObject({ delivered: 1 });
  });

  it('is no longer waited for once the run is cancelled', async () => {
    const controller = new AbortController();
    const world = aWorld({}, { selection: { settleMs: 3_600_000 } });
    world.source.seed('in/new', 'new', new Date('2026-02-01T00:00:00Z'));
    const run = world.run({ signal: controller.signal });
    setTimeout(() => controller.abort(new Error('cancelled by the test')), 10);
    await expect(run).rejects.toThrow('cancelled by the test');
  });
});

describe('a done-file', () => {
  const files = { 'in/a.csv': 'a', 'in/a.csv.done': '', 'in/b.csv': 'b', 'in/c.csv.done': '' };
  const rule = (afterwards: 'keep' | 'move' | 'remove') => ({
    doneFile: { name: '{name}.done', afterwards },
  });

  it('lets its file go, and is no file of the run itself', async () => {
    expect(paths(await selected(files, { selection: rule('keep') }))).toEqual(['in/a.csv']);
  });

  it('is moved as that of the name that its file gets', async () => {
    const moved = await selected(files, { selection: rule('move'), name: 'x-{name}' });
    expect(moved.map(({ targetPath }) => targetPath)).toEqual(['out/x-a.csv', 'out/x-a.csv.done']);
  });

  const world = (then: 'move' | 'remove', change: DefinitionChange = {}) =>
    aWorld(
      { 'a.csv': 'a', 'a.csv.done': 'd', 'b.csv': 'b', 'b.csv.done': 'd' },
      {
        ...{ include: ['*.csv'], selection: rule(then), concurrency: 4 },
        ...change,
      },
    );

  it('is moved after its file, with the same disposition', async () => {
    const { run, journal, source, target } = world('move', { disposition: { kind: 'delete' } });
    expect(await run()).toMatchObject({ state: 'succeeded', delivered: 4 });
    const moving = journal.steps
      .filter((step) => /^(moving|delivered)/.test(step))
      .map((step) => step.split(' '));
    const firstDone = moving.findIndex(([, path]) => path?.endsWith('.done'));
    expect(moving.slice(0, firstDone).filter(([verb]) => verb === 'delivered')).toHaveLength(2);
    expect(source.paths()).toEqual([]);
    expect(target.paths()).toEqual(['out/a.csv', 'out/a.csv.done', 'out/b.csv', 'out/b.csv.done']);
  });

  it('stays behind with a file that was not delivered', async () => {
    const { run, journal, source, target } = world('move', { conflict: 'fail' });
    target.seed('out/a.csv', 'of theirs');
    expect(await run({ lastAttempt: true })).toMatchObject({ state: 'partial', delivered: 2, failed: 2 });
    expect(journal.record('in/a.csv.done').failure?.code).toBe('already-exists');
    expect(target.paths()).toEqual(['out/a.csv', 'out/b.csv', 'out/b.csv.done']);
    expect(source.paths()).toContain('in/a.csv.done');
  });

  it.each(['keep', 'delete'] as const)(
    'is removed once its file has arrived, which is to %s',
    async (kind) => {
      const { run, journal, source, target } = world('remove', { disposition: { kind } });
      expect(await run()).toMatchObject({ state: 'succeeded', delivered: 2 });
      expect(source.paths()).toEqual(kind === 'keep' ? ['in/a.csv', 'in/b.csv'] : []);
      expect(target.paths()).toEqual(['out/a.csv', 'out/b.csv']);
      expect(journal.record('in/a.csv').disposed).toBe(true);
      await run();
      expect(source.paths()).toHaveLength(kind === 'keep' ? 2 : 0);
    },
  );
});

describe('an empty file', () => {
  const files = { a: 'a', b: '' };

  it('is skipped where the rules say so', async () => {
    const world = aWorld(files, { selection: { emptyFiles: 'skip' } });
    expect(await world.run()).toMatchObject({ state: 'succeeded', selected: 1 });
  });

  it('is a failure where the rules say so, and the others are moved', async () => {
    const world = aWorld(files, { selection: { emptyFiles: 'fail' } });
    const failure = { code: 'unexpected-files' };
    expect(await world.run()).toMatchObject({ state: 'partial', delivered: 1, failed: 1, failure });
    expect(world.journal.record('in/b').failure).toMatchObject({
      message: expect.stringMatching(/in\/b: it is empty/),
    });
  });
});

it('makes the directories that mirrored names need, at the target and in the archive', async () => {
  const world = aWorld(
    { 'a/b/x': 'x', y: 'y' },
    {
      selection: { recursive: 'mirror' },
      disposition: { kind: 'archive', directory: parsePath('done') },
    },
  );
  expect(await world.run()).toMatchObject({ state: 'succeeded', delivered: 2 });
  expect(world.target.paths()).toEqual(['out/a/b/x', 'out/y']);
  expect(world.source.paths()).toEqual(['done/a/b/x', 'done/y']);
});

it('names files by the run, the same in all its attempts', async () => {
  const run = { id: '0199aaaa-bbbb-7ccc-8ddd-0123456789ab', madeAt: new Date('2026-03-01T23:30:00Z') };
  const world = aWorld({ 'a.csv': 'a' }, { name: '{date:yyyy-MM-dd, zone=Europe/Berlin}/{runId}{.ext}' });
  await world.run({ run });
  expect(world.target.paths()).toEqual(['out/2026-03-02/0199aaaa-bbbb-7ccc-8ddd-0123456789ab.csv']);
});
