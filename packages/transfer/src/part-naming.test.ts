import { createHash } from 'node:crypto';
import { type ConflictRule, newId, parsePath } from '@waybill/domain';
import { type PartNaming, partPathBy } from '@waybill/domain/naming';
import { StorageError } from '@waybill/storage';
import { faulty } from '@waybill/storage/faulty';
import { describe, expect, it } from 'vitest';
import type { RunTransferInput } from './run-transfer.js';
import { Crash, Crashed, CrashingEndpoint } from './testing/crash.js';
import { MemoryJournal } from './testing/memory-journal.js';
import { MemoryLedger } from './testing/memory-ledger.js';
import { salting, unsalted } from './testing/salted.js';
import { aWorld, someBytes, type World } from './testing/world.js';

const CHUNK = 64 * 1024;
const ours = someBytes(2 * CHUNK + 5);
const theirs = 'a file of the partner';
const suffix: PartNaming = { kind: 'suffix', suffix: '.part' };
const none: PartNaming = { kind: 'none' };

/** Runs once for each step at which the worker can die, and then on from there. */
async function afterEachCrash(
  open: () => World,
  input: Partial<RunTransferInput>,
  then: (world: World, step: number) => Promise<void>,
): Promise<void> {
  for (let step = 1; ; step++) {
    const world = open();
    const crash = new Crash(step);
    const [source, target] = [new CrashingEndpoint(world.source), new CrashingEndpoint(world.target)];
    for (const part of [source, target, world.journal]) part.crash = crash;
    const died = await world
      .run({ source, target, checkpointEveryBytes: CHUNK, ...input })
      .then(() => false)
      .catch((error: unknown) => expect(error, `step ${step}`).toBeInstanceOf(Crashed) === undefined);
    if (!died && !crash.happened) return expect(step).toBeGreaterThan(10);
    world.journal.crash = undefined;
    await then(world, step);
  }
}

describe.each([
  [suffix, 'out/a.part'],
  [{ kind: 'prefix', prefix: '~' }, 'out/~a'],
] as [PartNaming, string][])('with part files named by %j', { timeout: 60_000 }, (partNaming, part) => {
  it('bytes arrive under that name', async () => {
    const world = aWorld({ a: ours }, {}, { partNaming });
    const target = faulty(world.target, []);
    await world.run({ target });
    expect(target.calls.find(({ operation }) => operation === 'put')?.path).toBe(part);
    expect(world.target.paths()).toEqual(['out/a']);
  });

  it("a file that is there already is nobody's to touch, however often it is tried", async () => {
    const world = aWorld({ a: ours }, {}, { partNaming });
    world.target.seed(part, theirs);
    for (let attempt = 0; attempt < 3; attempt++) {
      const message = expect.stringContaining('change partNaming');
      await expect(world.run()).rejects.toMatchObject({ code: 'already-exists', message });
      world.journal.rewrite('in/a', { state: 'selected' });
    }
    expect(world.target.content(part)?.toString()).toBe(theirs);
    await world.target.remove(parsePath(part), { signal: new AbortController().signal });
    expect(await world.run()).toMatchObject({ delivered: 1 });
  });

  it('one that comes while the worker is dead stays as well', async () => {
    const open = () => aWorld({ a: ours }, {}, { partNaming });
    await afterEachCrash(open, {}, async (world, step) => {
      if (world.target.content(part) !== undefined) return;
      world.target.seed(part, theirs);
      await world.run().catch((error: unknown) => {
        expect(error, `step ${step}`).toMatchObject({ code: 'already-exists' });
      });
      expect(world.target.content(part)?.toString(), `step ${step}`).toBe(theirs);
    });
  });

  it('two transfers that would write to one part file do not', async () => {
    const one = aWorld({ a: ours }, {}, { partNaming });
    const other = aWorld({ a: someBytes(ours.length, 9) });
    const results = await Promise.allSettled([one.run(), other.run({ target: one.target })]);
    const refused = results.filter(({ status }) => status === 'rejected');
    const contents = [ours, someBytes(ours.length, 9)];
    expect(refused.length).toBeLessThanOrEqual(1);
    for (const { reason } of refused as PromiseRejectedResult[])
      expect(reason).toMatchObject({ code: 'already-exists' });
    expect(contents.some((content) => one.target.content('out/a')?.equals(content))).toBe(true);
    expect(one.target.paths()).toEqual(['out/a']);
  });

  it('a file of such a name is refused at the target and not selected at a source', async () => {
    const name = part.replace('out/', '');
    const world = aWorld({ a: ours, [name]: theirs }, {}, { partNaming });
    expect(await world.run()).toMatchObject({ state: 'partial', failure: { code: 'path-refused' } });
    expect(world.target.paths()).toEqual(['out/a']);

    const back = aWorld({});
    for (const path of ['in/a', `in/${name}`]) world.target.seed(path, theirs);
    expect(await back.run({ source: world.target })).toMatchObject({ selected: 1 });
    expect(back.target.paths()).toEqual(['out/a']);
  });

  it('a delivery that has begun goes on under its name when another naming is chosen', async () => {
    const world = aWorld({ a: ours }, {}, { partNaming });
    const cut = { kind: 'loses-connection', afterBytes: CHUNK } as const;
    const target = faulty(world.target, [{ on: 'put', effect: cut }]);
    await expect(world.run({ target, checkpointEveryBytes: CHUNK })).rejects.toMatchObject({
      code: 'connection-lost',
    });
    const later = aWorld({}, {}, { partNaming: none });
    for (const path of world.target.paths()) later.target.seed(path, world.target.content(path) ?? '');
    expect(await world.run({ target: later.target })).toMatchObject({ delivered: 1 });
    expect(later.target.content('out/a')?.equals(ours)).toBe(true);
    expect(world.journal.steps).toContain(`moving in/a ${CHUNK}`);
    expect(later.target.paths()).toEqual(['out/a']);
  });

  it('what transforms make arrives whole, or a person is asked whose the beginning of a file is', async () => {
    const openTransforms = salting();
    const transforms = [{ kind: 'gzip' }] as const;
    const named = { name: '{stem}', transforms };
    const open = () => aWorld({ a: ours }, named, { partNaming });
    await afterEachCrash(open, { openTransforms }, async (world, step) => {
      const before = world.target.content(part);
      const failure = await world.run({ openTransforms }).catch((error: unknown) => error);
      if (failure instanceof Error) {
        expect(failure, `step ${step}`).toMatchObject({ code: 'already-exists' });
        expect(world.target.content(part), `step ${step}`).toEqual(before);
      } else expect(unsalted(world.target.content('out/a'))?.equals(ours), `step ${step}`).toBe(true);
    });
  });
});

describe('without part files', { timeout: 60_000 }, () => {
  it.each(['skip', 'fail', 'rename'] as ConflictRule[])(
    'a file that comes while the worker is dead stays, by the rule "%s"',
    async (conflict) => {
      const open = () => aWorld({ a: ours }, { conflict }, { partNaming: none });
      await afterEachCrash(open, {}, async (world, step) => {
        if (world.target.content('out/a') !== undefined) return;
        world.target.seed('out/a', theirs);
        const result = await world.run().catch((error: unknown) => error);
        if (conflict === 'fail') expect(result, `step ${step}`).toMatchObject({ code: 'already-exists' });
        expect(world.target.content('out/a')?.toString(), `step ${step}`).toBe(theirs);
        if (conflict === 'rename')
          expect(world.target.content('out/a (1)')?.equals(ours), `step ${step}`).toBe(true);
      });
    },
  );

  it('no set is delivered: its files would show one by one', async () => {
    const world = aWorld({ a: ours }, { set: {} }, { partNaming: none });
    await expect(world.run()).rejects.toMatchObject({ code: 'misconfigured' });
    expect(world.target.paths()).toEqual([]);
  });

  it('nothing is delivered where duplicates are to be told before they have their names', async () => {
    const duplicates = { withinDays: 1, action: 'skip' } as const;
    const world = aWorld({ a: ours }, { duplicates }, { partNaming: none });
    await expect(world.run()).rejects.toMatchObject({ code: 'misconfigured' });
    expect(world.target.paths()).toEqual([]);
  });

  it('what was cut short is never called delivered, and goes when the delivery fails', async () => {
    const world = aWorld({ a: ours }, {}, { partNaming: none });
    const short = { kind: 'ends-short', afterBytes: CHUNK } as const;
    const target = faulty(world.target, [{ on: 'put', call: 'every', effect: short }]);
    await expect(world.run({ target, lastAttempt: true })).rejects.toMatchObject({ code: 'corrupted' });
    expect(world.journal.record('in/a').state).toBe('failed');
    expect(world.target.paths()).toEqual([]);
  });

  it("a file that can't be written to is not removed", async () => {
    const world = aWorld({ a: ours }, {}, { partNaming: none });
    world.target.seed('out/a', theirs);
    const error = new StorageError('permission-denied', 'no');
    const target = faulty(world.target, [{ on: 'put', effect: { kind: 'fails', error } }]);
    await expect(world.run({ target, lastAttempt: true })).rejects.toMatchObject({ code: error.code });
    expect(world.target.content('out/a')?.toString()).toBe(theirs);
  });

  it('a whole file that was taken away holds the run, and is not sent over its successor', async () => {
    const world = aWorld({ a: ours }, { conflict: 'skip' }, { partNaming: none });
    world.journal.refusals.set('delivered', new Error('the database is gone'));
    await expect(world.run()).rejects.toThrow('the database is gone');
    world.journal.refusals.clear();
    world.target.seed('out/a', theirs);
    await expect(world.run()).rejects.toMatchObject({ code: 'outcome-unknown' });
    expect(await world.run()).toMatchObject({ skipped: 1 });
    expect(world.target.content('out/a')?.toString()).toBe(theirs);
  });
});

describe.each([
  suffix,
  { kind: 'prefix', prefix: '~' },
  { kind: 'directory', directory: parsePath('parts') },
  none,
] as PartNaming[])(
  'a checksum file beside a file, with part files named by %j',
  { timeout: 60_000 },
  (partNaming) => {
    const rule = { name: '{name}.sha256', algorithm: 'sha256' } as const;
    const open = (conflict: ConflictRule) => {
      const world = aWorld({ a: ours }, { conflict }, { partNaming });
      const target = { ...world.definition.target, checksumFile: rule };
      return { ...world, definition: { ...world.definition, target } };
    };
    const written = `${createHash('sha256').update(ours).digest('hex')}  a\n`;

    it.each(['replace', 'fail'] as ConflictRule[])('arrives after any crash (%s)', async (conflict) => {
      const world = () => {
        const { run, definition, ...rest } = open(conflict);
        return { ...rest, definition, run: (input = {}) => run({ definition, ...input }) };
      };
      await afterEachCrash(world, {}, async ({ run, target }, step) => {
        expect(await run(), `step ${step}`).toMatchObject({ state: 'succeeded', delivered: 1 });
        expect(target.paths(), `step ${step}`).toEqual(['out/a', 'out/a.sha256']);
        expect(target.content('out/a')?.equals(ours), `step ${step}`).toBe(true);
        expect(target.content('out/a.sha256')?.toString(), `step ${step}`).toBe(written);
      });
    });

    it('is not written over a file that somebody else has under the name of its part file', async () => {
      const { run, target, definition } = open('fail');
      const part = partPathBy(partNaming, newId(), parsePath('out/a.sha256'));
      target.seed(part, theirs);
      const result = await run({ definition }).catch((error: unknown) => error);
      if (partNaming.kind !== 'directory')
        expect(result).toMatchObject({ failure: { code: 'already-exists' } });
      expect(target.content(part)?.toString()).toBe(theirs);
    });
  },
);

it('a file that was delivered before is not written over to find out that it is the same', async () => {
  const ledger = new MemoryLedger();
  const world = aWorld(
    { a: ours },
    { conflict: 'fail', selection: { settleMs: 0, onlyNew: true } },
    { partNaming: none },
  );
  const next = async (target = faulty(world.target, [])) => {
    const journal = new MemoryJournal(ledger);
    const result = await world.run({ journal, ledger: ledger.of(journal), target });
    return { result, puts: target.calls.filter(({ operation }) => operation === 'put').length };
  };
  expect(await next()).toMatchObject({ result: { delivered: 1 }, puts: 1 });
  world.source.setModifiedAt('in/a', new Date('2026-01-02T00:00:00Z'));
  expect(await next()).toMatchObject({ result: { skipped: 1 }, puts: 0 });
  world.source.seed('in/a', someBytes(ours.length, 7), new Date('2026-01-03T00:00:00Z'));
  await expect(next()).rejects.toMatchObject({ code: 'already-exists' });
  expect(world.target.content('out/a')?.equals(ours)).toBe(true);
});

it('part files in another directory leave that empty', async () => {
  const directory = parsePath('tmp/parts');
  const world = aWorld({ a: ours }, {}, { partNaming: { kind: 'directory', directory } });
  const target = faulty(world.target, []);
  await world.run({ target });
  expect(target.calls.find(({ operation }) => operation === 'put')?.path).toMatch(
    /^tmp\/parts\/\.waybill-[0-9a-f]{12}-a\.part$/,
  );
  expect(world.target.paths()).toEqual(['out/a']);
});

it('a directory of part files on another file system is named as the likely reason', async () => {
  const directory = parsePath('tmp');
  const world = aWorld({ a: ours }, {}, { partNaming: { kind: 'directory', directory } });
  const error = new StorageError('unsupported', 'cannot rename');
  const target = faulty(world.target, [{ on: 'move', effect: { kind: 'fails', error } }]);
  const message = expect.stringContaining('"tmp" has to be on the same file system');
  await expect(world.run({ target })).rejects.toMatchObject({ code: 'unsupported', message });
  expect(world.target.paths()).toEqual([]);
});
