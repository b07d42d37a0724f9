import { faulty } from '@waybill/storage/faulty';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aWorld, type World } from './testing/world.js';

describe('where the name is taken, under the rule "rename"', () => {
  it('the file gets the first free one, which is what the record says', async () => {
    const world = aWorld({ 'a.csv': 'ours' }, { conflict: 'rename' });
    world.target.seed('out/a.csv', 'theirs');
    world.target.seed('out/a (1).csv', 'theirs too');
    expect(await world.run()).toMatchObject({ state: 'succeeded', delivered: 1 });
    expect(world.target.content('out/a (2).csv')?.toString()).toBe('ours');
    expect(world.target.content('out/a.csv')?.toString()).toBe('theirs');
    expect(world.journal.record('in/a.csv').targetPath).toBe('out/a (2).csv');
  });

  it('the suffix of the definition is counted up', async () => {
    const world = aWorld({ 'a.csv': 'ours' }, { conflict: 'rename', renameSuffix: '_{n}' });
    world.target.seed('out/a.csv', 'theirs');
    await world.run();
    expect(world.target.paths()).toEqual(['out/a.csv', 'out/a_1.csv']);
  });

  it('a name that is taken between the look and the rename is left to whoever took it', async () => {
    const world = aWorld({ a: 'ours' }, { conflict: 'rename' });
    world.target.seed('out/a', 'theirs');
    const rivals = ['out/a (1)', 'out/a (2)'];
    expect(await world.run({ target: takenBefore(world, rivals) })).toMatchObject({ delivered: 1 });
    for (const rival of rivals) expect(world.target.content(rival)?.toString()).toBe('a rival');
    expect(world.target.content('out/a (3)')?.toString()).toBe('ours');
    expect(world.journal.record('in/a').targetPath).toBe('out/a (3)');
  });

  it('a directory takes a name as well', async () => {
    const world = aWorld({ a: 'ours' }, { conflict: 'rename' });
    world.target.seed('out/a/inside', 'theirs');
    await world.run();
    expect(world.target.paths()).toEqual(['out/a (1)', 'out/a/inside']);
  });

  it('the file fails once all names are taken, and leaves nothing behind', async () => {
    const world = aWorld({ a: 'ours' }, { conflict: 'rename' });
    world.target.seed('out/a', 'theirs');
    for (let n = 1; n <= 999; n++) world.target.seed(`out/a (${n})`, 'theirs');
    await expect(world.run()).rejects.toMatchObject({ code: 'already-exists' });
    expect(world.target.paths()).toHaveLength(1_000);
  });

  it('files of one run that wait for the same names get different ones', async () => {
    const names = ['a.csv', 'a (1).csv', 'a (1) (1).csv'];
    const files = Object.fromEntries(names.map((name) => [name, `ours: ${name}`]));
    const world = aWorld(files, { conflict: 'rename', concurrency: 3 });
    for (const name of names) world.target.seed(`out/${name}`, 'theirs');
    expect(await world.run()).toMatchObject({ delivered: 3 });
    const got = names.map((name) => world.journal.record(`in/${name}`).targetPath);
    expect(new Set(got).size).toBe(3);
    names.forEach((name, index) => {
      expect(world.target.content(got[index] ?? '')?.toString()).toBe(`ours: ${name}`);
    });
  });

  it('a later attempt of the run takes a file whose name an earlier one of its files has got', async () => {
    const world = aWorld({ a: 'first' }, { conflict: 'rename' });
    world.target.seed('out/a', 'theirs');
    await world.run();
    world.source.seed('in/a (1)', 'second');
    expect(await world.run()).toMatchObject({ state: 'succeeded', delivered: 2 });
    expect(world.target.content('out/a (1) (1)')?.toString()).toBe('second');
  });

  it('whatever is there, everything stays and the file comes beside it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.integer({ min: 0, max: 6 })), async (taken) => {
        const world = aWorld({ a: 'ours' }, { conflict: 'rename' });
        const nameOf = (n: number) => (n === 0 ? 'out/a' : `out/a (${n})`);
        for (const n of taken) world.target.seed(nameOf(n), 'theirs');
        await world.run();
        const free = [0, 1, 2, 3, 4, 5, 6, 7].find((n) => !taken.includes(n)) ?? -1;
        expect(world.target.paths()).toEqual([...taken, free].map(nameOf).sort());
        expect(world.target.content(nameOf(free))?.toString()).toBe('ours');
      }),
    );
  });
});

describe('a rename to another name whose answer is lost', () => {
  it.each(['selected', 'failed'] as const)(
    'is looked for under that name, and not sent twice: %s',
    async (state) => {
      const world = aWorld({ a: 'ours' }, { conflict: 'rename' });
      world.target.seed('out/a', 'theirs');
      const lost = { kind: 'loses-reply' } as const;
      const offline = { kind: 'fails', error: new Error('gone') } as const;
      const target = faulty(world.target, [
        { on: 'move', effect: lost },
        { on: 'stat', call: 3, effect: offline },
      ]);
      await expect(world.run({ target, lastAttempt: true })).rejects.toThrow('gone');
      world.journal.rewrite('in/a', { state });
      expect(await world.run()).toMatchObject({ delivered: 1 });
      expect(world.target.paths()).toEqual(['out/a', 'out/a (1)']);
      expect(world.journal.steps.filter((step) => step.startsWith('moving'))).toHaveLength(1);
    },
  );
});

/** Somebody else takes each of these names just before it is asked for. */
function takenBefore(world: World, names: readonly string[]) {
  const target = faulty(world.target, []);
  const move = target.move.bind(target);
  target.move = (from, to, options) => {
    if (names.includes(to)) world.target.seed(to, 'a rival');
    return move(from, to, options);
  };
  return target;
}
