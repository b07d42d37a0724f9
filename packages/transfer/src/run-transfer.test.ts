import { createHash } from 'node:crypto';
import { newId, parsePath } from '@waybill/domain';
import { StorageError } from '@waybill/storage';
import { type Fault, faulty } from '@waybill/storage/faulty';
import { describe, expect, it } from 'vitest';
import { isPartName, partPathOf } from './part-name.js';
import type { Progress } from './progress.js';
import { Superseded } from './run-journal.js';
import { archived, aWorld, seededAt, someBytes, type World } from './testing/world.js';

const CHUNK = 64 * 1024;
const big = someBytes(5 * CHUNK + 1);
const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const refused = (code: StorageError['code']) => new StorageError(code, `${code}, says the test`);

/** One attempt over a target, or source, that fails as planned. */
function runWith(world: World, side: 'source' | 'target', plan: Fault[], input = {}) {
  return world.run({ [side]: faulty(world[side], plan), checkpointEveryBytes: CHUNK, ...input });
}

function partsOf(world: World): string[] {
  return world.target.paths().filter((path) => isPartName(path.replace('out/', '')));
}

describe('selection', () => {
  it('moves what is included and not excluded, and nothing that is hidden, a part file or a directory', async () => {
    const part = partPathOf(newId(), parsePath('x.csv'));
    const names = ['a.csv', 'b.csv', 'b.tmp.csv', 'c.txt', '.hidden.csv', part, '-dash ü.csv'];
    const world = aWorld(Object.fromEntries(names.map((name) => [name, name])), {
      include: ['*.csv', '*.part', '.w*'],
      exclude: ['*.tmp.*'],
    });
    world.source.seed('in/directory.csv/inner.csv', 'inner');
    expect(await world.run()).toMatchObject({ state: 'succeeded', selected: 3, delivered: 3 });
    expect(world.target.paths()).toEqual(['out/-dash ü.csv', 'out/a.csv', 'out/b.csv']);
  });

  it('succeeds with nothing where nothing matches', async () => {
    const world = aWorld({ 'a.txt': 'a' }, { include: ['*.csv'] });
    expect(await world.run()).toEqual({
      ...{ state: 'succeeded', selected: 0, delivered: 0, skipped: 0, failed: 0, bytes: 0 },
    });
  });

  it('fails where the source directory is missing', async () => {
    const world = aWorld({});
    await expect(world.run()).rejects.toMatchObject({ code: 'not-found' });
  });

  it('names a file with a refused name as failed and moves the others', async () => {
    const world = aWorld(
      { 'good.csv': 'good', 'bad\nname.csv': 'bad', 'other\n.txt': 'x' },
      { include: ['*.csv'] },
    );
    const expected = { state: 'partial', selected: 2, delivered: 1, failed: 1 };
    const failure = { code: 'path-refused', message: expect.stringContaining('bad\\nname.csv') };
    expect(await world.run()).toMatchObject({ ...expected, failure });
    expect(world.journal.record('in/bad\\nname.csv').failure?.message).toMatch(/control character \\n/);
    expect(await world.run()).toMatchObject(expected);
  });

  it('fails the run where there are only refused names', async () => {
    const world = aWorld({ 'bad\nname.csv': 'bad' });
    await expect(world.run()).rejects.toMatchObject({ code: 'path-refused' });
  });

  it('refuses a definition that would select its own results again', async () => {
    const world = aWorld({ a: 'a' });
    const { definition } = world;
    const archive = { kind: 'archive', directory: definition.source.directory } as const;
    const misconfigured = { code: 'misconfigured' };
    const input = { definition: { ...definition, disposition: archive } };
    await expect(world.run(input)).rejects.toMatchObject(misconfigured);
    const circle = { definition: { ...definition, target: definition.source } };
    await expect(world.run(circle)).rejects.toMatchObject(misconfigured);
  });
});

describe('a delivered file', () => {
  it.each(['size', 'read-back'] as const)(
    'is recorded with its SHA-256 and proven by %s',
    async (verification) => {
      const world = aWorld({ big, empty: '' }, { verification });
      expect(await world.run()).toMatchObject({ state: 'succeeded', delivered: 2, bytes: big.length });
      const proof = { bytes: big.length, sha256: sha256(big), assurance: verification };
      expect(world.journal.record('in/big').proof).toEqual(proof);
      expect(world.journal.record('in/empty').proof?.sha256).toBe(sha256(''));
      expect(sha256(world.target.content('out/big') ?? '')).toBe(sha256(big));
      expect(world.target.paths()).toEqual(['out/big', 'out/empty']);
    },
  );

  it('never shows under its final name before it is whole', async () => {
    const world = aWorld({ big });
    world.target.seed('out/big', 'before');
    const cut: Fault = { on: 'put', effect: { kind: 'loses-connection', afterBytes: 2 * CHUNK } };
    await expect(runWith(world, 'target', [cut])).rejects.toMatchObject({ code: 'connection-lost' });
    expect(world.target.content('out/big')?.toString()).toBe('before');
    expect(world.target.content(partsOf(world)[0] ?? '')?.length).toBe(2 * CHUNK);
  });

  it('is not moved again by a later attempt', async () => {
    const world = aWorld({ a: 'a', b: 'b' });
    const failing: Fault = { on: 'put', call: 2, effect: { kind: 'fails', error: refused('no-space') } };
    await expect(runWith(world, 'target', [failing])).rejects.toMatchObject({ code: 'no-space' });
    await world.run();
    expect(world.journal.steps.filter((step) => step.startsWith('moving in/a'))).toHaveLength(1);
  });
});

describe('a file that arrives damaged', () => {
  const altered: Fault = { on: 'put', effect: { kind: 'alters-byte', at: CHUNK } };
  const short: Fault = { on: 'put', effect: { kind: 'ends-short', afterBytes: CHUNK } };

  it.each([
    ['one byte differs and is read back', altered],
    ['the target keeps fewer bytes and says that all is well', short],
  ])('is not committed and sent again from the start: %s', async (_, fault) => {
    const world = aWorld({ big }, { verification: 'read-back' });
    await expect(runWith(world, 'target', [fault])).rejects.toMatchObject({ code: 'corrupted' });
    expect(world.target.paths()).toEqual([]);
    expect(world.journal.record('in/big')).toMatchObject({ state: 'selected', checkpoint: undefined });
    expect(await world.run()).toMatchObject({ state: 'succeeded' });
    expect(world.target.content('out/big')?.equals(big)).toBe(true);
  });

  it('is not committed if it changes while it is read back for a resumed part', async () => {
    const world = aWorld({ big });
    const cut: Fault = { on: 'put', effect: { kind: 'loses-connection', afterBytes: 3 * CHUNK } };
    await expect(runWith(world, 'target', [cut])).rejects.toThrow();
    world.target.seed(partsOf(world)[0] ?? '', someBytes(3 * CHUNK, 9));
    expect(await world.run()).toMatchObject({ state: 'succeeded' });
    expect(world.journal.steps).toContain('moving in/big 0');
    expect(world.target.content('out/big')?.equals(big)).toBe(true);
  });
});

describe('a source that changes', () => {
  const grows = (world: World) =>
    world.source.seed('in/big', someBytes(6 * CHUNK, 3), new Date('2026-03-01'));

  it.each([
    ['grows', grows],
    ['shrinks', (world: World) => world.source.seed('in/big', 'short', new Date('2026-03-01'))],
    ['is touched', (world: World) => world.source.setModifiedAt('in/big', new Date('2026-03-01'))],
  ])(
    'while it is read is never committed, and moved as it is by the next attempt: it %s',
    async (_, change) => {
      const world = aWorld({ big, other: 'other' });
      world.target.seed('out/big', 'before');
      const onProgress = () => change(world);
      let changed = false;
      const target = faulty(world.target, []);
      const put = target.put.bind(target);
      target.put = (path, body, options) =>
        put(path, body, {
          ...options,
          onProgress: (bytes) => {
            if (!changed && bytes >= 2 * CHUNK) onProgress();
            changed ||= bytes >= 2 * CHUNK;
            options.onProgress?.(bytes);
          },
        });
      await expect(world.run({ target })).rejects.toMatchObject({ code: 'source-changed' });
      expect(world.target.paths()).toEqual(['out/big', 'out/other']);
      expect(world.target.content('out/big')?.toString()).toBe('before');
      expect(await world.run()).toMatchObject({ state: 'succeeded', delivered: 2 });
      expect(sha256(world.target.content('out/big') ?? '')).toBe(
        sha256(world.source.content('in/big') ?? ''),
      );
    },
  );

  it('between two attempts starts over', async () => {
    const world = aWorld({ big });
    const cut: Fault = { on: 'put', effect: { kind: 'loses-connection', afterBytes: 3 * CHUNK } };
    await expect(runWith(world, 'target', [cut])).rejects.toThrow();
    grows(world);
    expect(await world.run()).toMatchObject({ state: 'succeeded', bytes: 6 * CHUNK });
    expect(world.journal.steps).toContain(`reselect in/big ${6 * CHUNK}`);
    expect(sha256(world.target.content('out/big') ?? '')).toBe(sha256(world.source.content('in/big') ?? ''));
  });
});

describe('resuming', () => {
  it('continues behind the last checkpoint and reads only the rest of the source', async () => {
    const world = aWorld({ big });
    const cut: Fault = { on: 'put', effect: { kind: 'loses-connection', afterBytes: 3 * CHUNK + 5 } };
    await expect(runWith(world, 'target', [cut])).rejects.toThrow();
    expect(world.journal.record('in/big').checkpoint).toEqual({
      bytes: 3 * CHUNK,
      sha256: sha256(big.subarray(0, 3 * CHUNK)),
    });
    // Whoever reads the source from its start now gets other bytes.
    world.source.seed('in/big', Buffer.concat([someBytes(3 * CHUNK, 7), big.subarray(3 * CHUNK)]), seededAt);
    expect(await world.run({ checkpointEveryBytes: CHUNK })).toMatchObject({ state: 'succeeded' });
    expect(world.journal.steps).toContain(`moving in/big ${3 * CHUNK}`);
    expect(world.journal.record('in/big').proof?.sha256).toBe(sha256(big));
    expect(world.target.content('out/big')?.equals(big)).toBe(true);
  });

  it('gets through a file of which each attempt moves only a piece', async () => {
    const world = aWorld({ big });
    const cut: Fault = { on: 'put', effect: { kind: 'loses-connection', afterBytes: CHUNK } };
    for (let attempt = 1; attempt <= 5; attempt++)
      await expect(runWith(world, 'target', [cut])).rejects.toMatchObject({ code: 'connection-lost' });
    expect(await world.run()).toMatchObject({ state: 'succeeded' });
    const starts = world.journal.steps.filter((step) => step.startsWith('moving'));
    expect(starts).toEqual([0, 1, 2, 3, 4, 5].map((n) => `moving in/big ${n * CHUNK}`));
    expect(world.target.content('out/big')?.equals(big)).toBe(true);
  });

  it('starts over where the part file is gone', async () => {
    const world = aWorld({ big });
    const cut: Fault = { on: 'put', effect: { kind: 'loses-connection', afterBytes: 3 * CHUNK } };
    await expect(runWith(world, 'target', [cut])).rejects.toThrow();
    await world.target.remove(parsePath(partsOf(world)[0] ?? ''), { signal: new AbortController().signal });
    expect(await world.run()).toMatchObject({ state: 'succeeded' });
    expect(world.target.content('out/big')?.equals(big)).toBe(true);
  });
});

describe('a final name that is taken', () => {
  const takenMeanwhile = (world: World) => {
    const target = faulty(world.target, []);
    const put = target.put.bind(target);
    target.put = async (...call) => {
      world.target.seed('out/a', 'theirs');
      return put(...call);
    };
    return world.run({ target });
  };

  it('is replaced under the rule "replace"', async () => {
    const world = aWorld({ a: 'ours' }, { conflict: 'replace' });
    expect(await takenMeanwhile(world)).toMatchObject({ state: 'succeeded' });
    expect(world.target.content('out/a')?.toString()).toBe('ours');
  });

  it('is skipped under the rule "skip", before or after the bytes were moved', async () => {
    const before = aWorld({ a: 'ours' }, { conflict: 'skip' });
    before.target.seed('out/a', 'theirs');
    const skipped = { state: 'succeeded', delivered: 0, skipped: 1 };
    expect(await before.run()).toMatchObject(skipped);
    expect(before.journal.steps).toEqual(['select 1', 'skipped in/a']);
    const after = aWorld({ a: 'ours' }, { conflict: 'skip', disposition: { kind: 'delete' } });
    expect(await takenMeanwhile(after)).toMatchObject(skipped);
    expect(after.journal.record('in/a').reason).toMatch(/already has out\/a \(6 bytes/);
    expect(after.target.paths()).toEqual(['out/a']);
    expect(after.source.paths()).toEqual(['in/a']);
  });

  it('fails the file under the rule "fail" and leaves the others alone', async () => {
    const world = aWorld({ a: 'ours', b: 'b' }, { conflict: 'fail' });
    const failure = { code: 'already-exists' };
    expect(await takenMeanwhile(world)).toMatchObject({ state: 'partial', delivered: 1, failed: 1, failure });
    expect(world.target.content('out/a')?.toString()).toBe('theirs');
    expect(world.target.paths()).toEqual(['out/a', 'out/b']);
    await world.target.remove(parsePath('out/a'), { signal: new AbortController().signal });
    expect(await world.run()).toMatchObject({ state: 'succeeded', delivered: 2 });
  });

  it('fails a file that can be moved once a person has cleared the name and retried the run', async () => {
    const world = aWorld({ a: 'ours' }, { conflict: 'fail' });
    await expect(takenMeanwhile(world)).rejects.toMatchObject({ code: 'already-exists' });
    world.journal.rewrite('in/a', { state: 'selected' });
    await world.target.remove(parsePath('out/a'), { signal: new AbortController().signal });
    expect(await world.run()).toMatchObject({ state: 'succeeded', delivered: 1 });
  });
});

describe('a rename whose answer is lost', () => {
  const lost: Fault = { on: 'move', effect: { kind: 'loses-reply' } };
  const blind: Fault = {
    on: 'stat',
    call: 'every',
    effect: { kind: 'fails', error: refused('connection-lost') },
  };

  it('counts as done at once if the final name proves it', async () => {
    const world = aWorld({ a: 'a' });
    expect(await runWith(world, 'target', [lost])).toMatchObject({ state: 'succeeded' });
    expect(world.journal.record('in/a').proof).toMatchObject({ assurance: 'read-back' });
  });

  it.each(['replace', 'skip', 'fail'] as const)(
    'is found carried out by the next attempt, under the rule "%s"',
    async (conflict) => {
      const world = await lostRename(conflict);
      expect(await world.run()).toMatchObject({ state: 'succeeded', delivered: 1 });
      expect(world.journal.steps.filter((step) => step.startsWith('moving'))).toHaveLength(1);
      expect(world.journal.record('in/a').proof).toMatchObject({ assurance: 'read-back' });
    },
  );

  it('holds the run if nobody can tell, while the other files are moved', async () => {
    const world = await lostRename('replace');
    world.target.seed('out/a', 'somebody else');
    world.source.seed('in/b', 'b');
    await expect(world.run()).rejects.toMatchObject({ code: 'outcome-unknown' });
    expect(world.journal.record('in/a').state).toBe('unknown');
    expect(world.journal.record('in/b').state).toBe('delivered');
    expect(world.target.content('out/a')?.toString()).toBe('somebody else');
  });

  it('is not taken for a decision of a person if the attempt that could not tell was broken off', async () => {
    const world = await lostRename('replace');
    world.source.seed('in/b', 'b');
    await world.target.remove(parsePath('out/a'), { signal: new AbortController().signal });
    const cut: Fault = { on: 'put', effect: { kind: 'fails', error: refused('connection-lost') } };
    await expect(runWith(world, 'target', [cut])).rejects.toMatchObject({ code: 'connection-lost' });
    await expect(world.run()).rejects.toMatchObject({ code: 'outcome-unknown' });
    expect(world.target.paths()).toEqual(['out/b']);
  });

  it('is sent again once a person has retried the held run and the file is missing', async () => {
    const world = await lostRename('replace');
    await world.target.remove(parsePath('out/a'), { signal: new AbortController().signal });
    await expect(world.run()).rejects.toMatchObject({ code: 'outcome-unknown' });
    expect(await world.run()).toMatchObject({ state: 'succeeded', delivered: 1 });
    expect(world.target.content('out/a')?.toString()).toBe('a');
  });

  it('counts as done after all if the file shows up before the held run is retried', async () => {
    const world = await lostRename('fail');
    await world.target.remove(parsePath('out/a'), { signal: new AbortController().signal });
    await expect(world.run()).rejects.toMatchObject({ code: 'outcome-unknown' });
    world.target.seed('out/a', 'a');
    expect(await world.run()).toMatchObject({ state: 'succeeded', delivered: 1 });
    expect(world.journal.steps.filter((step) => step.startsWith('moving'))).toHaveLength(1);
  });

  it('is found carried out where the target was broken off between linking and unlinking', async () => {
    const world = aWorld({ a: 'a' }, { conflict: 'fail' });
    const target = faulty(world.target, []);
    target.move = async () => {
      world.target.seed('out/a', 'a');
      throw refused('connection-lost');
    };
    await expect(world.run({ target })).rejects.toMatchObject({ code: 'connection-lost' });
    expect(world.target.paths()).toHaveLength(2);
    expect(await world.run()).toMatchObject({ state: 'succeeded', delivered: 1 });
    expect(world.target.paths()).toEqual(['out/a']);
  });

  it('is proven, not believed, if the part file vanished under the rename', async () => {
    const world = aWorld({ a: 'a' });
    const target = faulty(world.target, []);
    target.move = async (from, _, { signal }) => {
      await world.target.remove(from, { signal });
      throw refused('not-found');
    };
    await expect(world.run({ target })).rejects.toMatchObject({ code: 'outcome-unknown' });
    expect(world.journal.record('in/a').state).toBe('unknown');
  });

  /** Carried out, but neither the answer came nor could anything be looked at. */
  async function lostRename(conflict: 'replace' | 'skip' | 'fail'): Promise<World> {
    const world = aWorld({ a: 'a' }, { conflict });
    const blindAfterwards = conflict === 'replace' ? blind : ({ ...blind, call: 2 } as const);
    await expect(runWith(world, 'target', [lost, blindAfterwards])).rejects.toMatchObject({
      code: 'connection-lost',
    });
    expect(world.journal.record('in/a')).toMatchObject({ state: 'moving', committing: { bytes: 1 } });
    expect(world.target.paths()).toEqual(['out/a']);
    return world;
  }
});

describe('the disposition', () => {
  it('leaves a source alone that was replaced after it was read', async () => {
    const world = aWorld({ a: 'old' }, { disposition: { kind: 'delete' } });
    const target = faulty(world.target, []);
    const move = target.move.bind(target);
    target.move = async (...call) => {
      world.source.seed('in/a', 'new');
      return move(...call);
    };
    expect(await world.run({ target })).toMatchObject({ state: 'succeeded' });
    expect(world.source.content('in/a')?.toString()).toBe('new');
    expect(world.journal.record('in/a').disposed).toBe(true);
  });

  it('never replaces an archived file', async () => {
    const world = aWorld({ a: 'new' }, { disposition: archived });
    world.source.seed('done/a', 'old');
    await world.run();
    const [first, second] = world.source.paths();
    expect(first).toBe('done/a');
    expect(second).toMatch(/^done\/a\.2026\d{4}T\d{6}\.\d{3}Z$/);
    expect(world.source.content('done/a')?.toString()).toBe('old');
    expect(world.source.content(second ?? '')?.toString()).toBe('new');
  });

  it('that is refused makes the run partial, not the delivery failed', async () => {
    const world = aWorld({ a: 'a' }, { disposition: { kind: 'delete' } });
    const denied: Fault = { on: 'remove', effect: { kind: 'fails', error: refused('permission-denied') } };
    const failure = {
      code: 'permission-denied',
      message: expect.stringContaining('could not be disposed of'),
    };
    expect(await runWith(world, 'source', [denied])).toMatchObject({
      state: 'partial',
      delivered: 1,
      failure,
    });
    expect(world.journal.record('in/a')).toMatchObject({ state: 'delivered', disposed: false });
    expect(await world.run()).toMatchObject({ state: 'succeeded' });
    expect(world.source.paths()).toEqual([]);
  });
});

describe('failures of one file', () => {
  it.each([
    // Once the file was read, it may well be gone.
    ['not-found', 'read'],
    ['permission-denied', 'stat'],
    ['unknown', 'stat'],
  ] as const)(
    'that are final (%s) fail it, remove its part file and let the others go on',
    async (code, on) => {
      const world = aWorld({ a: big, b: 'b' });
      const denied: Fault = {
        on,
        path: 'in/a',
        effect: { kind: 'fails', error: refused(code) },
      };
      const failure = { code, message: `${code}, says the test` };
      const result = { state: 'partial', delivered: 1, failed: 1, bytes: 1, failure };
      expect(await runWith(world, 'source', [denied])).toMatchObject(result);
      expect(world.journal.record('in/a')).toMatchObject({ state: 'failed', failure });
      expect(world.target.paths()).toEqual(['out/b']);
    },
  );

  it('are none where the source is gone once it was read whole', async () => {
    const world = aWorld({ a: big }, { disposition: { kind: 'delete' } });
    const gone: Fault[] = [1, 2].map((call) => ({
      ...{ on: 'stat', path: 'in/a', call, effect: { kind: 'fails', error: refused('not-found') } },
    }));
    expect(await runWith(world, 'source', gone)).toMatchObject({ state: 'succeeded', delivered: 1 });
    expect(world.journal.record('in/a')).toMatchObject({ state: 'delivered', disposed: true });
  });

  it('fail the run if nothing was delivered', async () => {
    const world = aWorld({ a: 'a', b: 'b' });
    const denied: Fault = {
      on: 'put',
      call: 'every',
      effect: { kind: 'fails', error: refused('permission-denied') },
    };
    await expect(runWith(world, 'target', [denied])).rejects.toMatchObject({
      code: 'permission-denied',
      message: 'none of 2 selected files was delivered; the first failure: permission-denied, says the test',
    });
  });

  it('are tried again when the run is', async () => {
    const world = aWorld({ a: 'a', b: 'b' });
    const denied: Fault = { on: 'put', effect: { kind: 'fails', error: refused('permission-denied') } };
    expect(await runWith(world, 'target', [denied])).toMatchObject({ state: 'partial' });
    expect(await world.run()).toMatchObject({ state: 'succeeded', delivered: 2 });
  });

  it('that could pass are failures at the last attempt', async () => {
    const altered: Fault = { on: 'put', effect: { kind: 'alters-byte', at: 0 } };
    const world = aWorld({ a: 'a', b: 'b' }, { verification: 'read-back' });
    const result = { state: 'partial', delivered: 1, failed: 1, failure: { code: 'corrupted' } };
    expect(await runWith(world, 'target', [altered], { lastAttempt: true })).toMatchObject(result);
    expect(world.journal.record('in/a').state).toBe('failed');
    const alone = aWorld({ a: 'a' }, { verification: 'read-back' });
    const run = runWith(alone, 'target', [altered], { lastAttempt: true });
    await expect(run).rejects.toMatchObject({ code: 'corrupted' });
  });
});

describe('what stops the attempt', () => {
  const slow = { a: big, b: big, c: big, d: big };

  it('an endpoint that fails stops the other files at once, and their checkpoints are kept', async () => {
    const world = aWorld(slow, { concurrency: 4 });
    const plan: Fault[] = [
      { on: 'put', call: 1, effect: { kind: 'stalls', afterBytes: 2 * CHUNK } },
      { on: 'put', call: 2, effect: { kind: 'stalls', afterBytes: 3 * CHUNK } },
      { on: 'put', call: 4, effect: { kind: 'loses-connection', afterBytes: 5 * CHUNK } },
    ];
    await expect(runWith(world, 'target', plan)).rejects.toMatchObject({ code: 'connection-lost' });
    expect(world.journal.record('in/a').checkpoint?.bytes).toBe(2 * CHUNK);
    expect(world.journal.record('in/b').checkpoint?.bytes).toBe(3 * CHUNK);
    expect(await world.run()).toMatchObject({ state: 'succeeded', delivered: 4 });
  });

  it('an abort rejects with its reason and leaves the part files to the next attempt', async () => {
    const world = aWorld(slow, { concurrency: 2 });
    const abort = new AbortController();
    const reason = new Error('the worker stops');
    const plan: Fault[] = [{ on: 'put', call: 'every', effect: { kind: 'stalls', afterBytes: 2 * CHUNK } }];
    const onProgress = ({ bytesMoved }: Progress) => bytesMoved >= 4 * CHUNK && abort.abort(reason);
    const run = runWith(world, 'target', plan, { signal: abort.signal, onProgress });
    await expect(run).rejects.toBe(reason);
    expect(partsOf(world)).toHaveLength(2);
    expect(world.journal.record('in/a').checkpoint?.bytes).toBe(2 * CHUNK);
    expect(await world.run()).toMatchObject({ state: 'succeeded' });
  });

  it.each(['moving', 'checkpoint', 'committing', 'delivered', 'disposing', 'failed'])(
    'a journal that was taken over at "%s" ends all I/O: nothing is removed or renamed any more',
    async (step) => {
      const world = aWorld({ a: big, b: big }, { concurrency: 2, disposition: { kind: 'delete' } });
      world.journal.refusals.set(step, new Superseded('epoch 2 has the run'));
      const plan: Fault[] =
        step === 'failed'
          ? [{ on: 'put', effect: { kind: 'fails', error: refused('permission-denied') } }]
          : [];
      const target = faulty(world.target, plan);
      const run = world.run({ target, checkpointEveryBytes: CHUNK });
      await expect(run).rejects.toBeInstanceOf(Superseded);
      const after = target.calls.length;
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(target.calls.length).toBe(after);
      expect(target.calls.filter(({ operation }) => operation === 'remove')).toEqual([]);
      const moved = ['delivered', 'disposing'].includes(step);
      expect(world.target.paths().some((path) => path === 'out/a')).toBe(moved);
      expect(world.source.paths()).toEqual(['in/a', 'in/b']);
    },
  );
});

it('a run that was taken over gets no checkpoint from the files that it stops', async () => {
  const world = aWorld({ a: big, b: big }, { concurrency: 2 });
  world.journal.refusals.set('committing', new Superseded('epoch 2 has the run'));
  const stalls: Fault = { on: 'put', effect: { kind: 'stalls', afterBytes: 3 * CHUNK } };
  const run = runWith(world, 'target', [stalls], { now: () => seededAt });
  await expect(run).rejects.toBeInstanceOf(Superseded);
  const checkpoints = world.journal.steps.filter((step) => step.startsWith('checkpoint in/a'));
  expect(checkpoints).toEqual([`checkpoint in/a ${CHUNK}`]);
});

describe('several files', () => {
  it('are moved at once, but one by one where an endpoint is not concurrent', async () => {
    const files = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`f${i}`, big]));
    for (const concurrent of [true, false]) {
      const world = aWorld(files, { concurrency: 3 });
      const target = faulty(world.target, []);
      Object.defineProperty(target, 'properties', { value: { ...world.target.properties, concurrent } });
      const put = target.put.bind(target);
      let [active, most] = [0, 0];
      target.put = async (...call) => {
        most = Math.max(most, ++active);
        return put(...call).finally(() => active--);
      };
      expect(await world.run({ target })).toMatchObject({ delivered: 12 });
      expect(most).toBe(concurrent ? 3 : 1);
    }
  });
});

describe('progress', () => {
  it('is reported while bytes move and ends with everything moved', async () => {
    const world = aWorld({ big, small: 'small' });
    const seen: Progress[] = [];
    await world.run({ onProgress: (progress) => seen.push(progress) });
    const bytes = big.length + 5;
    expect(seen.at(-1)).toEqual({
      files: { selected: 2, delivered: 2, failed: 0, skipped: 0 },
      ...{ bytesSelected: bytes, bytesMoved: bytes, moving: [] },
    });
  });
});

describe('a target that replaces in steps', () => {
  it('ends an interrupted replacement before anybody looks what became of it', async () => {
    const world = aWorld({ a: 'new' });
    const lost: Fault = { on: 'move', effect: { kind: 'fails', error: refused('connection-lost') } };
    const gone: Fault = { on: 'stat', call: 'every', effect: lost.effect };
    await expect(runWith(world, 'target', [lost, gone])).rejects.toMatchObject({ code: 'connection-lost' });
    const recovered: string[] = [];
    const target = Object.assign(faulty(world.target, []), {
      recover: async (path: string) => void recovered.push(path),
    });
    expect(await world.run({ target })).toMatchObject({ state: 'succeeded' });
    expect(recovered).toEqual(['out/a']);
    expect(world.target.content('out/a')?.toString()).toBe('new');
  });
});

describe('whose turn it is', () => {
  it.each([
    ['us', 'us'],
    [undefined, undefined],
  ] as const)('is told of a source that is of %s', async (owner, told) => {
    const world = aWorld({ 'bad\nname': 'x', good: 'y' });
    const properties = { ...world.source.properties, ...(owner && { owner }) };
    const source = Object.assign(world.source, { properties });
    const result = await world.run({ source });
    expect('failure' in result && result.failure.owner).toBe(told);
    expect(world.journal.record('in/bad\\nname').failure?.owner).toBe(told);
  });
});
