import { describe, expect, it } from 'vitest';
import { Crash, Crashed, CrashingEndpoint } from './testing/crash.js';
import { aWorld } from './testing/world.js';

const table = (['move', 'remove'] as const).flatMap((afterwards) =>
  (['keep', 'delete'] as const).map((kind) => ({ afterwards, kind })),
);

/** `a` has its done-file, which is moved or removed. */
function aFileWithItsDoneFile({ afterwards, kind }: (typeof table)[number]) {
  const doneFile = { name: '{stem}.done', afterwards };
  const world = aWorld(
    { 'a.csv': 'a', 'a.done': 'd' },
    {
      ...{ include: ['*.csv'], selection: { doneFile }, disposition: { kind } },
    },
  );
  const source = new CrashingEndpoint(world.source);
  const target = new CrashingEndpoint(world.target);
  return { world, source, target, attempt: () => world.run({ source, target }) };
}

describe.each(table)('a done-file that is to $afterwards, of a file to $kind', (rules) => {
  it('ends as agreed wherever the worker dies, and is never at the target before its file', async () => {
    let step = 1;
    for (; ; step++) {
      const { world, source, target, attempt } = aFileWithItsDoneFile(rules);
      const crash = new Crash(step);
      Object.assign(source, { crash });
      Object.assign(target, { crash });
      world.journal.crash = crash;
      await attempt().catch((error: unknown) => expect(error, `step ${step}`).toBeInstanceOf(Crashed));
      const paths = world.target.paths();
      if (paths.includes('out/a.done')) expect(paths, `step ${step}`).toContain('out/a.csv');
      if (!crash.happened) break;
      for (const part of [source, target, world.journal]) part.crash = undefined;

      expect(await attempt(), `step ${step}`).toMatchObject({ state: 'succeeded' });
      const moved = rules.afterwards === 'move';
      expect(world.target.paths(), `step ${step}`).toEqual(
        moved ? ['out/a.csv', 'out/a.done'] : ['out/a.csv'],
      );
      const kept = rules.kind === 'delete' ? [] : moved ? ['in/a.csv', 'in/a.done'] : ['in/a.csv'];
      expect(world.source.paths(), `step ${step}`).toEqual(kept);
    }
    expect(step).toBeGreaterThan(20);
  });
});
