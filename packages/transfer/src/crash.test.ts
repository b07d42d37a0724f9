import { type ConflictRule, type Disposition, parsePath } from '@waybill/domain';
import type { PartNaming } from '@waybill/domain/naming';
import { type Fault, faulty, type Operation } from '@waybill/storage/faulty';
import { describe, expect, it } from 'vitest';
import type { RunTransferInput } from './run-transfer.js';
import { Crash, Crashed, CrashingEndpoint } from './testing/crash.js';
import { archived, aWorld, seededAt, someBytes, type World } from './testing/world.js';

const signal = new AbortController().signal;
const CHUNK = 64 * 1024;
const newFile = someBytes(3 * CHUNK + 17);
const clashing = someBytes(CHUNK, 2);
const theirs = 'what the target had before';

const dispositions: Disposition[] = [{ kind: 'keep' }, { kind: 'delete' }, archived];
const conflicts: ConflictRule[] = ['replace', 'skip', 'fail', 'rename', 'append'];
const early = dispositions.flatMap((disposition) => conflicts.map((conflict) => ({ disposition, conflict })));
const late = (['skip', 'fail', 'rename', 'append'] as const).map((conflict) => ({
  disposition: archived,
  conflict,
  late: true,
}));
const namings: PartNaming[] = [{ kind: 'suffix', suffix: '.part' }, { kind: 'none' }];
const named: Rules[] = namings.flatMap((partNaming) =>
  conflicts.flatMap((conflict) => {
    if (conflict === 'append' && partNaming.kind === 'none') return [];
    const rules = { disposition: archived, conflict, partNaming };
    return conflict === 'replace' ? [rules] : [rules, { ...rules, late: true }];
  }),
);
// A prefix is a suffix to the engine, and another directory holds names of ours.
for (const partNaming of [
  { kind: 'prefix', prefix: '.' },
  { kind: 'directory', directory: parsePath('parts') },
] as const)
  named.push({ disposition: archived, conflict: 'rename', partNaming });
const table: Rules[] = [...early, ...late, ...named];

const STATES = {
  ...{ replace: 'delivered', rename: 'delivered', append: 'delivered' },
  ...{ skip: 'skipped', fail: 'failed' },
} as const;

interface Rules {
  readonly disposition: Disposition;
  readonly conflict: ConflictRule;
  /** The other file shows up at the target only while ours is moved. */
  readonly late?: boolean;
  readonly partNaming?: PartNaming;
}

/** `a` meets nothing at the target, `b` another file. */
function twoFiles({ disposition, conflict, late, partNaming }: Rules) {
  const rules = { disposition, conflict, verification: 'read-back' } as const;
  const world = aWorld({ a: newFile, b: clashing }, rules, partNaming && { partNaming });
  const source = new CrashingEndpoint(world.source);
  const target = new CrashingEndpoint(world.target);
  if (late)
    target.beforePut = (path) =>
      /[/.-]b/.test(path) && !world.target.paths().includes('out/b') && world.target.seed('out/b', theirs);
  else world.target.seed('out/b', theirs);
  const attempt = (input: Partial<RunTransferInput> = {}) =>
    world.run({ source, target, checkpointEveryBytes: CHUNK, ...input });
  const crashAt = (step: number) => {
    const crash = new Crash(step);
    Object.assign(source, { crash });
    Object.assign(target, { crash });
    world.journal.crash = crash;
    return crash;
  };
  const noCrash = () => {
    for (const part of [source, target, world.journal]) part.crash = undefined;
  };
  return { world, source, target, attempt, crashAt, noCrash };
}

/** Everything delivered exactly once, everything disposed of exactly once, nothing left over. */
async function expectAllInOrder(
  { source, target, journal }: World,
  moves: { readonly source: readonly string[]; readonly target: readonly string[] },
  { disposition, conflict, partNaming }: Rules,
  step: string,
): Promise<void> {
  const bName = { replace: 'b', rename: 'b (1)', skip: '', fail: '', append: 'b' }[conflict];
  const bContent = Buffer.concat([Buffer.from(conflict === 'append' ? theirs : ''), clashing]);
  const bDelivered = bName !== '';
  const expected = new Map([
    ['out/a', Buffer.from(newFile)],
    ['out/b', Buffer.from(theirs)],
    ...(bDelivered ? [[`out/${bName}`, bContent] as const] : []),
  ]);
  const kept = disposition.kind === 'keep';
  const delivered = bDelivered ? ['a', 'b'] : ['a'];
  const names = bDelivered ? ['a', bName] : ['a'];
  const made = conflict === 'append' ? ['a'] : names;
  const renamed = partNaming?.kind === 'none' ? [] : made;
  const left = kept ? ['a', 'b'] : bDelivered ? [] : ['b'];
  expect(target.paths(), step).toEqual([...expected.keys()]);
  for (const [path, content] of expected) expect(target.content(path)?.equals(content), step).toBe(true);
  for (const name of made) {
    const { modifiedAt } = await target.stat(parsePath(`out/${name}`), { signal });
    expect(modifiedAt, step).toEqual(seededAt);
  }
  expect(moves.target.map((move) => move.replace(/^.* -> out\//, '')).sort(), step).toEqual(renamed);
  const done = disposition.kind === 'archive' ? delivered.map((name) => `done/${name}`) : [];
  expect(source.paths(), step).toEqual([...done, ...left.map((name) => `in/${name}`)]);
  expect(moves.source.length, step).toBe(done.length);
  expect(journal.record('in/a'), step).toMatchObject({ state: 'delivered', disposed: !kept });
  const b = bDelivered ? { targetPath: `out/${bName}` } : {};
  expect(journal.record('in/b'), step).toMatchObject({ state: STATES[conflict], ...b });
}

const endOf = (conflict: ConflictRule) => ({ state: conflict === 'fail' ? 'partial' : 'succeeded' });

describe.each(table)(
  'with disposition $disposition.kind, conflict rule $conflict and part naming $partNaming.kind, late: $late',
  { timeout: 60_000 },
  (rules) => {
    const { conflict } = rules;

    it('a crash at any step costs no file, doubles none and leaves nothing over', async () => {
      let step = 1;
      for (; ; step++) {
        const { world, source, target, attempt, crashAt, noCrash } = twoFiles(rules);
        const crash = crashAt(step);
        await attempt().catch((error: unknown) => expect(error, `step ${step}`).toBeInstanceOf(Crashed));
        if (!crash.happened) break;
        noCrash();
        expect(await attempt(), `step ${step}`).toMatchObject(endOf(conflict));
        const moves = { source: source.effects, target: target.effects };
        await expectAllInOrder(world, moves, rules, `crashed at step ${step}`);
      }
      expect(step).toBeGreaterThan(40);
    });

    it('nor does a second crash while the first one is made good', async () => {
      for (let step = 5; step < 100; step += 8) {
        const { world, source, target, attempt, crashAt, noCrash } = twoFiles(rules);
        for (const at of [step, (step * 7) % 61, (step * 11) % 53]) {
          crashAt(at + 3);
          await attempt().catch((error: unknown) => expect(error).toBeInstanceOf(Crashed));
        }
        noCrash();
        expect(await attempt(), `step ${step}`).toMatchObject(endOf(conflict));
        const moves = { source: source.effects, target: target.effects };
        await expectAllInOrder(world, moves, rules, `crashed again after step ${step}`);
      }
    });

    it('nor does a reply that is lost after the operation took effect', async () => {
      const operations: Operation[] = ['list', 'stat', 'read', 'put', 'move', 'remove', 'makeDirectory'];
      const faults = operations.flatMap((on) =>
        [1, 2, 3].map((call): Fault => ({ on, call, effect: { kind: 'loses-reply' } })),
      );
      for (const side of ['source', 'target'] as const) {
        for (const fault of faults) {
          const { world, source, target, attempt } = twoFiles(rules);
          const broken = faulty(side === 'source' ? source : target, [fault]);
          await attempt({ [side]: broken }).catch((error: unknown) =>
            expect(error).toMatchObject({ code: 'connection-lost' }),
          );
          const where = `${fault.on} no. ${fault.call} at the ${side}`;
          expect(await attempt(), where).toMatchObject(endOf(conflict));
          const moves = { source: source.effects, target: target.effects };
          await expectAllInOrder(world, moves, rules, where);
        }
      }
    });
  },
);
