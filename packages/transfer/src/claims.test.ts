import type { ConflictRule, Disposition, RemotePath, SourceClaim } from '@waybill/domain';
import { newId, parsePath } from '@waybill/domain';
import { claimPathOf, claimTagOf, readClaimTag } from '@waybill/domain/naming';
import { type StorageEndpoint, StorageError } from '@waybill/storage';
import { type Fault, faulty, type Operation } from '@waybill/storage/faulty';
import { describe, expect, it } from 'vitest';
import { Crash, Crashed, CrashingEndpoint } from './testing/crash.js';
import { archived, aWorld, type DefinitionChange, seededAt, someBytes, type World } from './testing/world.js';

const CHUNK = 64 * 1024;
const content = someBytes(2 * CHUNK + 17);
const bySuffix: SourceClaim = { suffix: '.processing' };
const byDirectory: SourceClaim = { directory: parsePath('taken') };
const dispositions: Disposition[] = [{ kind: 'keep' }, { kind: 'delete' }, archived];

const claimed = (world: World) => world.source.paths().filter((path) => readClaimTag(path) !== undefined);
const fails = (on: Operation, code: StorageError['code'], call: Fault['call'] = 'every'): Fault => ({
  ...{ on, call },
  effect: { kind: 'fails', error: new StorageError(code, `${on} is refused`) },
});

/** A claim that a run of this transfer, ended or not, has left behind. */
function aLeftover(change: DefinitionChange, left = content) {
  const world = aWorld({}, change);
  const id = newId();
  const path = claimPathOf(change.claim ?? bySuffix, id, parsePath('in/a'));
  world.source.seed('in/other', 'x', seededAt);
  world.source.seed(path, left, seededAt);
  return { world, path, tag: claimTagOf(id) };
}

describe.each([bySuffix, byDirectory])('claimed by %j', (claim) => {
  it.each(dispositions)(
    'a file is read under another name and ends by disposition %j',
    async (disposition) => {
      const world = aWorld({ a: content }, { claim, disposition });
      const source = faulty(world.source, []);
      expect(await world.run({ source })).toMatchObject({ state: 'succeeded', delivered: 1 });
      const read = source.calls.filter(({ operation }) => operation === 'read').map(({ path }) => path);
      expect(read).toEqual([claimPathOf(claim, world.journal.record('in/a').id, parsePath('in/a'))]);
      expect(world.target.content('out/a')?.equals(content)).toBe(true);
      const left = { keep: ['in/a'], delete: [], archive: ['done/a'] }[disposition.kind];
      expect(world.source.paths()).toEqual(left);
    },
  );

  it('a file that has another size at the second look is read again by the next attempt', async () => {
    const world = aWorld({ a: content }, { claim, disposition: { kind: 'delete' } });
    const source = faulty(world.source, [
      { on: 'read', call: 1, effect: { kind: 'ends-short', afterBytes: CHUNK } },
    ]);
    await expect(world.run({ source })).rejects.toMatchObject({ code: 'source-changed' });
    expect(claimed(world)).toHaveLength(1);
    expect(await world.run()).toMatchObject({ state: 'succeeded' });
    expect(world.source.paths()).toEqual([]);
  });

  it('a file that comes under the old name meanwhile is left for the next run', async () => {
    const world = aWorld({ a: content }, { claim, disposition: { kind: 'delete' } });
    const source = faulty(world.source, [
      { on: 'read', effect: { kind: 'loses-connection', afterBytes: CHUNK } },
    ]);
    await expect(world.run({ source })).rejects.toMatchObject({ code: 'connection-lost' });
    world.source.seed('in/a', 'the next one', new Date('2026-01-02T00:00:00Z'));
    expect(await world.run()).toMatchObject({ state: 'succeeded', delivered: 1 });
    expect(world.target.content('out/a')?.equals(content)).toBe(true);
    expect(world.source.content('in/a')?.toString()).toBe('the next one');
    expect(claimed(world)).toEqual([]);
  });

  it('a file is given back by the last attempt that can read none of it', async () => {
    const world = aWorld({ a: content, b: 'b' }, { claim, disposition: { kind: 'delete' } });
    const tooShort = { kind: 'ends-short', afterBytes: 0 } as const;
    const source = faulty(world.source, [{ on: 'read', call: 1, effect: tooShort }]);
    expect(await world.run({ source, lastAttempt: true })).toMatchObject({ state: 'partial', failed: 1 });
    expect(world.source.paths()).toEqual(['in/a']);
    expect(world.source.content('in/a')?.equals(content)).toBe(true);
  });

  it('all files are given back by an attempt whose error ends the run', async () => {
    const world = aWorld({ a: content, b: 'b' }, { claim, concurrency: 1 });
    const target = faulty(world.target, [fails('put', 'no-space')]);
    const ended = { target, endsRun: () => true };
    await expect(world.run(ended)).rejects.toMatchObject({ code: 'no-space' });
    expect(world.source.paths()).toEqual(['in/a', 'in/b']);
    expect(world.warnings.join()).toContain('was claimed by this run, which ends here');
  });

  it('all files are given back by a run that is cancelled, although its signal is aborted', async () => {
    const world = aWorld({ a: content }, { claim });
    const abort = new AbortController();
    const target: StorageEndpoint = Object.create(world.target, {
      put: {
        value: async () => {
          abort.abort(new Error('cancelled'));
          throw abort.signal.reason;
        },
      },
      properties: { value: world.target.properties },
      stat: { value: world.target.stat.bind(world.target) },
      remove: { value: world.target.remove.bind(world.target) },
      makeDirectory: { value: world.target.makeDirectory.bind(world.target) },
    });
    await expect(world.run({ target, signal: abort.signal, endsRun: () => true })).rejects.toThrow(
      'cancelled',
    );
    expect(world.source.paths()).toEqual(['in/a']);
  });

  it('a file stays claimed between attempts', async () => {
    const world = aWorld({ a: content }, { claim });
    const target = faulty(world.target, [fails('put', 'connection-lost')]);
    await expect(world.run({ target, endsRun: () => false })).rejects.toMatchObject({
      code: 'connection-lost',
    });
    expect(claimed(world)).toHaveLength(1);
    expect(world.source.paths()).toHaveLength(1);
  });

  it('what an ended run left is given back with a warning, and taken by this one', async () => {
    const { world, path, tag } = aLeftover({ claim, disposition: { kind: 'delete' } });
    const claimsOfEndedRuns = async (tags: readonly string[]) =>
      new Map(tags.filter((found) => found === tag).map((found) => [found, parsePath('in/a')]));
    expect(await world.run({ claimsOfEndedRuns })).toMatchObject({ state: 'succeeded', delivered: 2 });
    expect(world.source.paths()).toEqual([]);
    expect(world.target.content('out/a')?.equals(content)).toBe(true);
    expect(world.warnings.join()).toContain(
      `${path} at memory://source/ was claimed by a run that has ended`,
    );
  });

  it('what a run that may go on has claimed is neither taken nor given back', async () => {
    const { world, path } = aLeftover({ claim, disposition: { kind: 'delete' }, include: ['*', '.*'] });
    const nobodys = async () => new Map<string, RemotePath>();
    expect(await world.run({ claimsOfEndedRuns: nobodys })).toMatchObject({ delivered: 1 });
    expect(world.source.paths()).toEqual([path]);
  });

  it('what is given back never replaces a newer file', async () => {
    const { world, path, tag } = aLeftover({ claim, disposition: { kind: 'keep' } });
    world.source.seed('in/a', 'newer', seededAt);
    const claimsOfEndedRuns = async () => new Map([[tag, parsePath('in/a')]]);
    await world.run({ claimsOfEndedRuns });
    expect(world.source.content('in/a')?.toString()).toBe('newer');
    expect(world.source.content(path)?.equals(content)).toBe(true);
    expect(world.warnings.join()).toContain('keeps that name');
  });
});

describe('a rename at the source', () => {
  it.each(['permission-denied', 'unsupported'] as const)(
    'that is refused (%s) fails the file and says what to do',
    async (code) => {
      const world = aWorld({ a: content }, { claim: bySuffix, disposition: { kind: 'delete' } });
      const source = faulty(world.source, [fails('move', code)]);
      await expect(world.run({ source })).rejects.toMatchObject({ code });
      expect(world.journal.record('in/a').failure).toMatchObject({
        code,
        message: expect.stringMatching(/can't be claimed by renaming it to .*Have renaming allowed there/),
      });
      expect(world.source.paths()).toEqual(['in/a']);
      expect(world.target.paths()).toEqual([]);
    },
  );

  it('of a file that is gone fails with not-found', async () => {
    const world = aWorld({ a: content }, { claim: bySuffix });
    const source = faulty(world.source, [fails('move', 'not-found')]);
    await expect(world.run({ source })).rejects.toMatchObject({ code: 'not-found' });
  });

  it.each([
    ['was linked and not unlinked', content],
    ['was kept by an empty file', ''],
  ])('that %s by a crash is finished', async (_, other) => {
    const world = aWorld({ a: content }, { claim: bySuffix, disposition: { kind: 'delete' } });
    const source = faulty(world.source, [fails('move', 'connection-lost', 1)]);
    await expect(world.run({ source })).rejects.toMatchObject({ code: 'connection-lost' });
    const { id } = world.journal.record('in/a');
    world.source.seed(claimPathOf(bySuffix, id, parsePath('in/a')), other, seededAt);
    expect(await world.run()).toMatchObject({ delivered: 1 });
    expect(world.source.paths()).toEqual([]);
    expect(world.target.content('out/a')?.equals(content)).toBe(true);
  });

  it('back to a name that another file has taken leaves both, and the run partial', async () => {
    const world = aWorld({ a: content }, { claim: bySuffix });
    const target = Object.assign(new CrashingEndpoint(world.target), {
      beforePut: () => world.source.seed('in/a', 'newer', seededAt),
    });
    expect(await world.run({ target })).toMatchObject({
      state: 'partial',
      delivered: 1,
      failure: { code: 'already-exists', message: expect.stringContaining('Move one of them') },
    });
    expect(world.source.content('in/a')?.toString()).toBe('newer');
    expect(claimed(world)).toHaveLength(1);
  });
});

interface Rules {
  readonly claim: SourceClaim;
  readonly disposition: Disposition;
  readonly conflict: ConflictRule;
}

const [kept, deleted, moved] = dispositions as [Disposition, Disposition, Disposition];
const table: Rules[] = [
  { claim: bySuffix, disposition: kept, conflict: 'replace' },
  { claim: bySuffix, disposition: deleted, conflict: 'skip' },
  { claim: bySuffix, disposition: moved, conflict: 'fail' },
  { claim: byDirectory, disposition: kept, conflict: 'skip' },
  { claim: byDirectory, disposition: deleted, conflict: 'fail' },
  { claim: byDirectory, disposition: moved, conflict: 'replace' },
];

/** `a` meets nothing at the target, `b` another file. */
function twoFiles(rules: Rules) {
  const world = aWorld({ a: content, b: 'ours' }, { ...rules, verification: 'read-back' });
  world.target.seed('out/b', 'theirs');
  const source = new CrashingEndpoint(world.source);
  const target = new CrashingEndpoint(world.target);
  const crashAt = (crash: Crash | undefined) => {
    for (const part of [source, target, world.journal]) part.crash = crash;
  };
  const attempt = (change = {}) => world.run({ source, target, checkpointEveryBytes: CHUNK, ...change });
  return { world, source, target, attempt, crashAt };
}

function expectInOrder({ source, target, journal }: World, rules: Rules, where: string): void {
  const bDelivered = rules.conflict === 'replace';
  const after = { keep: 'in/', delete: undefined, archive: 'done/' }[rules.disposition.kind];
  const left = [after && `${after}a`, bDelivered ? after && `${after}b` : 'in/b'];
  expect(source.paths(), where).toEqual(left.filter((path) => path !== undefined).sort());
  expect(target.paths(), where).toEqual(['out/a', 'out/b']);
  expect(target.content('out/a')?.equals(content), where).toBe(true);
  expect(target.content('out/b')?.toString(), where).toBe(bDelivered ? 'ours' : 'theirs');
  expect(journal.record('in/a').state, where).toBe('delivered');
}

/** They run a transfer a hundred times and more. */
const TIMEOUT = { timeout: 60_000 };

describe.each(table)(
  'claimed by $claim, with $disposition.kind and conflict $conflict,',
  TIMEOUT,
  (rules) => {
    it('a crash at any step costs no file, doubles none and leaves nothing claimed', async () => {
      let step = 1;
      for (; ; step++) {
        const { world, attempt, crashAt, target } = twoFiles(rules);
        const crash = new Crash(step);
        crashAt(crash);
        await attempt().catch((error: unknown) => expect(error, `step ${step}`).toBeInstanceOf(Crashed));
        if (!crash.happened) break;
        crashAt(undefined);
        await attempt();
        expectInOrder(world, rules, `crashed at step ${step}`);
        expect(target.effects.filter((effect) => effect.endsWith('-> out/a'))).toHaveLength(1);
      }
      expect(step).toBeGreaterThan(40);
    });

    it('nor does a reply that is lost', async () => {
      const faults = (['stat', 'read', 'move', 'remove', 'makeDirectory'] as const).flatMap((on) =>
        [1, 2, 3, 4].map((call): Fault => ({ on, call, effect: { kind: 'loses-reply' } })),
      );
      for (const fault of faults) {
        const { world, source, attempt } = twoFiles(rules);
        await attempt({ source: faulty(source, [fault]) }).catch((error: unknown) =>
          expect(error).toMatchObject({ code: 'connection-lost' }),
        );
        await attempt();
        expectInOrder(world, rules, `${fault.on} no. ${fault.call}`);
      }
    });
  },
);
