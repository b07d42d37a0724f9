import { createHash } from 'node:crypto';
import { conflictRules } from '@waybill/domain';
import { type Fault, faulty, type Operation } from '@waybill/storage/faulty';
import { describe, expect, it } from 'vitest';
import type { RunTransferInput } from './run-transfer.js';
import { Crash, Crashed, CrashingEndpoint } from './testing/crash.js';
import { salting, unsalted } from './testing/salted.js';
import { archived, aWorld, type DefinitionChange, seededAt, someBytes } from './testing/world.js';

const CHUNK = 64 * 1024;
const content = someBytes(3 * CHUNK + 17);
const sha256 = (bytes: Uint8Array | undefined) =>
  createHash('sha256')
    .update(bytes ?? '')
    .digest('hex');

function transforming(files: Record<string, string | Uint8Array>, change?: DefinitionChange) {
  const world = aWorld(files, { transforms: [{ kind: 'openpgp-encrypt', recipients: ['acme'] }], ...change });
  const openTransforms = salting();
  const run = (input: Partial<RunTransferInput> = {}) => world.run({ openTransforms, ...input });
  return { ...world, openTransforms, run };
}

describe('a file that is transformed on its way', () => {
  it('arrives under the name that it then has, with a record of what it was and became', async () => {
    const { run, target, journal } = transforming({ a: content }, { verification: 'read-back' });
    expect(await run()).toMatchObject({ state: 'succeeded', delivered: 1, bytes: content.length });
    const arrived = target.content('out/a.pgp');
    expect(unsalted(arrived)?.equals(content)).toBe(true);
    const stage = { kind: 'openpgp-encrypt', bytes: content.length + 4, sha256: sha256(arrived) };
    expect(journal.record('in/a')).toMatchObject({
      state: 'delivered',
      size: content.length,
      proof: {
        ...{ bytes: stage.bytes, sha256: stage.sha256, assurance: 'read-back' },
        transformed: { sourceSha256: sha256(content), stages: [stage] },
      },
    });
  });

  it('shares what is opened with all files of the run, and nothing is opened for none', async () => {
    const none = transforming({ a: 'a' }, { include: ['*.csv'] });
    await none.run();
    expect(none.openTransforms.opened).toBe(0);
    const two = transforming({ a: 'a', b: 'b' });
    await two.run();
    expect(two.openTransforms.opened).toBe(1);
    expect(two.target.paths()).toEqual(['out/a.pgp', 'out/b.pgp']);
  });

  it('has a done-file that says something of it, and stays as it is', async () => {
    const selection = { settleMs: 0, doneFile: { name: '{name}.done', afterwards: 'move' } } as const;
    const { run, target } = transforming({ a: content, 'a.done': '7 records' }, { selection });
    await run();
    expect(target.paths()).toEqual(['out/a.pgp', 'out/a.pgp.done']);
    expect(target.content('out/a.pgp.done')?.toString()).toBe('7 records');
  });

  it('fails alone and for good where it is damaged, and leaves nothing at the target', async () => {
    const { run, target, journal } = transforming({ bad: '!', good: content });
    expect(await run()).toMatchObject({ state: 'partial', failure: { code: 'transform-failed' } });
    expect(target.paths()).toEqual(['out/good.pgp']);
    expect(journal.record('in/bad')).toMatchObject({
      state: 'failed',
      failure: { code: 'transform-failed' },
    });
  });

  it('keeps what the target had under its name when it is damaged', async () => {
    const { run, target } = transforming({ bad: '!' });
    target.seed('out/bad.pgp', 'yesterday');
    await expect(run()).rejects.toMatchObject({ code: 'transform-failed' });
    expect(target.content('out/bad.pgp')?.toString()).toBe('yesterday');
    expect(target.paths()).toEqual(['out/bad.pgp']);
  });

  it('is read again by the next attempt if it looks damaged because it is still being written', async () => {
    const { run, source, target } = transforming({ a: `!${'x'.repeat(CHUNK)}` });
    const growing = faulty(source, []);
    const read = growing.read.bind(growing);
    growing.read = async function* (path, options) {
      yield* read(path, options);
      source.seed('in/a', content, new Date(seededAt.getTime() + 60_000));
    };
    await expect(run({ source: growing })).rejects.toMatchObject({ code: 'source-changed' });
    await run();
    expect(unsalted(target.content('out/a.pgp'))?.equals(content)).toBe(true);
  });

  it('is refused where nobody can open its transforms, instead of travelling as it is', async () => {
    const { run, target } = transforming({ a: content });
    await expect(run({ openTransforms: undefined })).rejects.toMatchObject({ code: 'misconfigured' });
    expect(target.paths()).toEqual([]);
  });

  const half = { afterBytes: 2 * CHUNK };
  it.each<['source' | 'target', Fault, string]>([
    ['source', { on: 'read', effect: { kind: 'loses-connection', ...half } }, 'connection-lost'],
    ['source', { on: 'read', effect: { kind: 'ends-short', ...half } }, 'source-changed'],
    ['target', { on: 'put', effect: { kind: 'loses-connection', ...half } }, 'connection-lost'],
    ['target', { on: 'put', effect: { kind: 'ends-short', ...half } }, 'corrupted'],
    ['target', { on: 'put', effect: { kind: 'alters-byte', at: CHUNK } }, 'corrupted'],
  ])('starts over after a fault of the %s: %j', async (side, fault, code) => {
    const world = transforming({ a: content }, { verification: 'read-back' });
    const { run, target, journal } = world;
    const broken = faulty(world[side], [fault]);
    await expect(run({ [side]: broken, checkpointEveryBytes: 1024 })).rejects.toMatchObject({ code });
    expect(target.paths()).not.toContain('out/a.pgp');
    expect(journal.record('in/a').checkpoint).toBeUndefined();
    await run({ checkpointEveryBytes: 1024 });
    const moves = journal.steps.filter((step) => step.startsWith('moving'));
    expect(moves).toEqual(['moving in/a 0', 'moving in/a 0']);
    expect(target.paths()).toEqual(['out/a.pgp']);
    expect(unsalted(target.content('out/a.pgp'))?.equals(content)).toBe(true);
  });
});

describe.each(conflictRules)('with conflict rule %s', (conflict) => {
  function crashing() {
    const world = transforming(
      { a: content, b: someBytes(CHUNK, 2) },
      { conflict, disposition: archived, verification: 'read-back' },
    );
    const source = new CrashingEndpoint(world.source);
    const target = new CrashingEndpoint(world.target);
    const attempt = (input: Partial<RunTransferInput> = {}) => world.run({ source, target, ...input });
    const crashAt = (step: number) => {
      const crash = new Crash(step);
      for (const part of [source, target, world.journal]) part.crash = crash;
      return crash;
    };
    const noCrash = () => {
      for (const part of [source, target, world.journal]) part.crash = undefined;
    };
    return { world, source, target, attempt, crashAt, noCrash };
  }

  /** Both delivered once, each as it was read, recorded as it arrived, and archived. */
  function expectDelivered({ world, source, target }: ReturnType<typeof crashing>, where: string): void {
    const { target: there, journal } = world;
    expect(there.paths(), where).toEqual(['out/a.pgp', 'out/b.pgp']);
    expect(target.effects.length, where).toBe(2);
    expect(source.effects.length, where).toBe(2);
    expect(world.source.paths(), where).toEqual(['done/a', 'done/b']);
    for (const name of ['a', 'b']) {
      const arrived = there.content(`out/${name}.pgp`);
      const original = unsalted(arrived);
      expect(original?.equals(world.source.content(`done/${name}`) ?? Buffer.of()), where).toBe(true);
      expect(journal.record(`in/${name}`), where).toMatchObject({
        ...{ state: 'delivered', disposed: true },
        proof: { sha256: sha256(arrived), transformed: { sourceSha256: sha256(original) } },
      });
    }
  }

  it('a crash at any step costs no file, doubles none and records what arrived', async () => {
    let step = 1;
    for (; ; step++) {
      const all = crashing();
      const crash = all.crashAt(step);
      await all.attempt().catch((error: unknown) => expect(error, `step ${step}`).toBeInstanceOf(Crashed));
      if (!crash.happened) break;
      all.noCrash();
      expect(await all.attempt(), `step ${step}`).toMatchObject({ state: 'succeeded' });
      expectDelivered(all, `crashed at step ${step}`);
    }
    expect(step).toBeGreaterThan(40);
  }, 60_000);

  it('nor does a reply that is lost after the operation took effect', async () => {
    const operations: Operation[] = ['list', 'stat', 'read', 'put', 'move', 'remove', 'makeDirectory'];
    for (const side of ['source', 'target'] as const)
      for (const on of operations)
        for (const call of [1, 2, 3]) {
          const all = crashing();
          const broken = faulty(all[side], [{ on, call, effect: { kind: 'loses-reply' } }]);
          await all
            .attempt({ [side]: broken })
            .catch((error: unknown) => expect(error).toMatchObject({ code: 'connection-lost' }));
          const where = `${on} no. ${call} at the ${side}`;
          expect(await all.attempt(), where).toMatchObject({ state: 'succeeded' });
          expectDelivered(all, where);
        }
  }, 60_000);
});
