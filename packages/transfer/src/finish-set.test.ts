import { parsePath } from '@waybill/domain';
import { StorageError } from '@waybill/storage';
import { type Fault, faulty } from '@waybill/storage/faulty';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Crash, Crashed, CrashingEndpoint } from './testing/crash.js';
import { archived, aWorld, type DefinitionChange, someBytes } from './testing/world.js';

const CHUNK = 64 * 1024;
const set = { controlFile: '*.ctl' };
const files = { 'a.csv': someBytes(2 * CHUNK + 17), 'all.ctl': 'a.csv b.csv', 'b.csv': 'b' };
const delivered = ['out/a.csv', 'out/all.ctl', 'out/b.csv'];
const sources = ['in/a.csv', 'in/all.ctl', 'in/b.csv'];

const refuses = (on: Fault['on'], call: number | 'every', code: StorageError['code']): Fault => ({
  ...{ on, call },
  effect: { kind: 'fails', error: new StorageError(code, `${on} is refused`) },
});

function aSet(change: DefinitionChange = {}) {
  const world = aWorld(files, { set, disposition: { kind: 'delete' }, ...change });
  const source = new CrashingEndpoint(world.source);
  const target = new CrashingEndpoint(world.target);
  const attempt = (more = {}) => world.run({ source, target, ...more });
  const named = () => target.effects.map((effect) => effect.replace(/^.* -> /, ''));
  return { world, source, target, attempt, named };
}

describe('a set', () => {
  it('gets its names once all of it has arrived, the control file last', async () => {
    const { world, target, attempt, named } = aSet();
    const puts: string[] = [];
    target.beforePut = (path) => {
      puts.push(path);
      expect(target.effects).toEqual([]);
    };
    expect(await attempt()).toMatchObject({ state: 'succeeded', delivered: 3 });
    expect(puts).toHaveLength(3);
    expect(named().sort()).toEqual(delivered);
    expect(named().at(-1)).toBe('out/all.ctl');
    expect(world.source.paths()).toEqual([]);
  });

  it('of which one file fails delivers none, and leaves nothing at the target', async () => {
    const { world, attempt } = aSet({ conflict: 'fail' });
    world.target.seed('out/b.csv', 'theirs');
    await expect(attempt()).rejects.toMatchObject({ code: 'already-exists' });
    expect(world.target.paths()).toEqual(['out/b.csv']);
    expect(world.source.paths()).toEqual(sources);
    for (const path of ['in/a.csv', 'in/all.ctl'])
      expect(world.journal.record(path)).toMatchObject({
        state: 'failed',
        failure: { code: 'set-incomplete', message: expect.stringContaining('already has out/b.csv') },
      });
  });

  it('waits for another attempt with all its files where one may still succeed', async () => {
    const { world, source, attempt } = aSet({ concurrency: 1 });
    const short: Fault = { on: 'read', call: 2, effect: { kind: 'ends-short', afterBytes: 1 } };
    await expect(attempt({ source: faulty(source, [short]) })).rejects.toMatchObject({
      code: 'source-changed',
    });
    expect(world.target.paths().filter((path) => delivered.includes(path))).toEqual([]);
    expect(await attempt()).toMatchObject({ state: 'succeeded', delivered: 3 });
    expect(world.target.paths()).toEqual(delivered);
  });

  it('fails whole if that was the last attempt', async () => {
    const { world, source, attempt } = aSet({ concurrency: 1 });
    const short: Fault = { on: 'read', call: 2, effect: { kind: 'ends-short', afterBytes: 1 } };
    const last = attempt({ source: faulty(source, [short]), lastAttempt: true });
    await expect(last).rejects.toMatchObject({ code: 'source-changed' });
    expect(world.target.paths()).toEqual([]);
    expect([...world.journal.records.values()].map(({ state }) => state)).toEqual(Array(3).fill('failed'));
  });

  it('whose renaming is refused in the middle keeps its control file back', async () => {
    const { world, target, attempt } = aSet({ concurrency: 1 });
    const refused = faulty(target, [refuses('move', 2, 'permission-denied')]);
    expect(await attempt({ target: refused })).toMatchObject({
      ...{ state: 'partial', delivered: 1, failed: 2 },
      failure: { code: 'permission-denied' },
    });
    expect(world.target.paths()).toEqual(['out/a.csv']);
    expect(world.source.paths()).toEqual(['in/all.ctl', 'in/b.csv']);
    expect(world.journal.record('in/all.ctl').failure).toMatchObject({ code: 'set-incomplete' });
  });

  it('is complete with a file that is skipped', async () => {
    const { world, attempt } = aSet({ conflict: 'skip' });
    world.target.seed('out/b.csv', 'theirs');
    expect(await attempt()).toMatchObject({ state: 'succeeded', delivered: 2, skipped: 1 });
    expect(world.target.paths()).toEqual(delivered);
  });

  it('is left for the next run without its control file', async () => {
    const { world, attempt } = aSet({ set: { controlFile: '*.eof' } });
    expect(await attempt()).toMatchObject({ state: 'succeeded', selected: 0 });
    expect(world.source.paths()).toEqual(sources);
    expect(world.warnings.join()).toContain('its control file, "*.eof", is missing');
  });

  it('is left for the next run while one of its files is being written', async () => {
    const { world, attempt } = aSet({ selection: { settleMs: 10 } });
    world.source.seed('in/b.csv', 'b', new Date());
    const source = faulty(world.source, []);
    const list = source.list.bind(source);
    source.list = async function* (directory, options) {
      yield* list(directory, options);
      world.source.seed('in/b.csv', 'b and more', new Date());
    };
    expect(await attempt({ source })).toMatchObject({ selected: 0 });
    expect(world.warnings.join()).toContain('still being written');
  });

  it('is what the first attempt found', async () => {
    const { world, target, attempt } = aSet();
    const cut = faulty(target, [refuses('put', 'every', 'connection-lost')]);
    await expect(attempt({ target: cut })).rejects.toMatchObject({ code: 'connection-lost' });
    world.source.seed('in/late.csv', 'late', new Date('2026-01-01T00:00:00Z'));
    expect(await attempt()).toMatchObject({ delivered: 3 });
    expect(world.source.paths()).toEqual(['in/late.csv']);
  });

  it('with a file that the rules call an error is not begun', async () => {
    const { world, target, attempt } = aSet({ selection: { settleMs: 0, emptyFiles: 'fail' } });
    world.source.seed('in/b.csv', '', new Date('2026-01-01T00:00:00Z'));
    await expect(attempt()).rejects.toMatchObject({ code: 'unexpected-files' });
    expect(target.effects).toEqual([]);
    expect(world.journal.steps.filter((step) => step.startsWith('moving'))).toEqual([]);
    expect(world.journal.record('in/a.csv').failure).toMatchObject({ code: 'set-incomplete' });
    expect(world.source.paths()).toEqual(sources);
  });

  it('of any files, of which any fail, is delivered whole or not at all', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'z.ctl'];
    await fc.assert(
      fc.asyncProperty(fc.subarray(names), fc.integer({ min: 1, max: 3 }), async (bad, concurrency) => {
        const world = aWorld(Object.fromEntries(names.map((name) => [name, `of ${name}`])), {
          ...{ set, concurrency, disposition: archived },
        });
        const isBad = (path: string) => bad.some((name) => path === `in/${name}`);
        const source = Object.create(world.source, {
          read: {
            value: (path: string, options: never) => {
              if (isBad(path)) throw new StorageError('permission-denied', `${path} may not be read`);
              return world.source.read(parsePath(path), options);
            },
          },
          ...Object.fromEntries(
            (['list', 'stat', 'move', 'remove', 'makeDirectory'] as const).map((method) => [
              method,
              { value: world.source[method].bind(world.source) },
            ]),
          ),
        });
        await world
          .run({ source })
          .catch((error: unknown) => expect(error).toMatchObject({ code: 'permission-denied' }));
        const whole = bad.length === 0;
        expect(world.target.paths()).toEqual(whole ? names.map((name) => `out/${name}`) : []);
        expect(world.source.paths()).toEqual(names.map((name) => `${whole ? 'done' : 'in'}/${name}`));
      }),
    );
  });
});

const rules: DefinitionChange[] = [
  { disposition: { kind: 'keep' } },
  { disposition: archived, conflict: 'rename' },
  { disposition: { kind: 'delete' }, claim: { suffix: '.processing' } },
  { disposition: archived, conflict: 'fail', claim: { directory: parsePath('taken') } },
];

/** They run a transfer a hundred times and more. */
describe.each(rules)('a set with %j', { timeout: 60_000 }, (rule) => {
  const left = { keep: sources, delete: [], archive: sources.map((path) => path.replace('in/', 'done/')) };

  function expectWhole({ world, named }: ReturnType<typeof aSet>, where: string): void {
    expect(world.target.paths(), where).toEqual(delivered);
    expect(world.target.content('out/a.csv')?.equals(files['a.csv']), where).toBe(true);
    expect(world.source.paths(), where).toEqual(left[rule.disposition?.kind ?? 'keep']);
    const moves = named().filter((path) => path.startsWith('out/'));
    expect(moves.slice().sort(), where).toEqual(delivered);
    expect(moves.at(-1), where).toBe('out/all.ctl');
  }

  it('ends whole, each file once and the control file last, whichever step a worker dies at', async () => {
    let step = 1;
    for (; ; step++) {
      const it = aSet(rule);
      const crash = new Crash(step);
      const parts = [it.source, it.target, it.world.journal];
      for (const part of parts) part.crash = crash;
      await it
        .attempt({ checkpointEveryBytes: CHUNK })
        .catch((error: unknown) => expect(error, `step ${step}`).toBeInstanceOf(Crashed));
      if (!crash.happened) break;
      for (const part of parts) part.crash = undefined;
      await it.attempt();
      expectWhole(it, `died at step ${step}`);
    }
    expect(step).toBeGreaterThan(40);
  });

  it('ends whole, whichever answer is lost', async () => {
    const faults = (['stat', 'put', 'move', 'remove'] as const).flatMap((on) =>
      [1, 2, 3, 4].map((call): Fault => ({ on, call, effect: { kind: 'loses-reply' } })),
    );
    for (const fault of faults) {
      const it = aSet(rule);
      await it
        .attempt({ target: faulty(it.target, [fault]) })
        .catch((error: unknown) => expect(error).toMatchObject({ code: 'connection-lost' }));
      await it.attempt();
      expectWhole(it, `${fault.on} no. ${fault.call}`);
    }
  });
});
