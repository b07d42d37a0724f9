import { createHash } from 'node:crypto';
import {
  type ChecksumAlgorithm,
  checksumAlgorithms,
  type Disposition,
  parsePath,
  type RequiredChecksumFile,
  type WrittenChecksumFile,
} from '@waybill/domain';
import { StorageError } from '@waybill/storage';
import { type Fault, faulty, type Operation } from '@waybill/storage/faulty';
import { describe, expect, it } from 'vitest';
import { Superseded } from './run-journal.js';
import type { RunTransferInput } from './run-transfer.js';
import { Crash, Crashed, CrashingEndpoint } from './testing/crash.js';
import { salting } from './testing/salted.js';
import {
  aDefinition,
  archived,
  aWorld,
  type DefinitionChange,
  seededAt,
  slowClock,
  someBytes,
} from './testing/world.js';

const CHUNK = 64 * 1024;
const md5 = { name: '{name}.md5', algorithm: 'md5' } as const;
const sum = (algorithm: ChecksumAlgorithm, content: string | Uint8Array = '') =>
  createHash(algorithm).update(content).digest('hex');
const transforms = [{ kind: 'openpgp-encrypt', recipients: ['acme'] }] as const;

interface Rules extends DefinitionChange {
  readonly required?: RequiredChecksumFile;
  readonly written?: WrittenChecksumFile;
}

function agreed(files: Record<string, string | Uint8Array>, { required, written, ...change }: Rules) {
  const world = aWorld(files);
  const base = aDefinition(change);
  const definition = {
    ...base,
    source: { ...base.source, checksumFile: required },
    target: { ...base.target, checksumFile: written },
  };
  const openTransforms = salting();
  const run = (input: Partial<RunTransferInput> = {}) => world.run({ definition, openTransforms, ...input });
  return { ...world, run };
}

describe('a required checksum file', () => {
  it('that names the checksum of the bytes lets its file through, and is itself none to deliver', async () => {
    const files = { a: 'x', 'a.md5': `${sum('md5', 'x')}  a\n`, 'gone.md5': 'y' };
    const { run, target, source } = agreed(files, { required: md5 });
    expect(await run()).toMatchObject({ state: 'succeeded', selected: 1, delivered: 1 });
    expect(target.paths()).toEqual(['out/a']);
    expect(source.paths()).toEqual(['in/a', 'in/a.md5', 'in/gone.md5']);
  });

  it.each(checksumAlgorithms)('may name a %s', async (algorithm) => {
    const required = { name: '{stem}.sum', algorithm };
    const right = agreed({ 'a.csv': 'x', 'a.sum': sum(algorithm, 'x') }, { required });
    expect(await right.run()).toMatchObject({ state: 'succeeded' });
    const wrong = agreed({ 'a.csv': 'x', 'a.sum': sum(algorithm, 'y') }, { required });
    await expect(wrong.run()).rejects.toMatchObject({ code: 'checksum-mismatch' });
    expect(wrong.target.paths()).toEqual([]);
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ['is missing', {}, /in\/a\.md5 is missing/],
    ['is empty', { 'a.md5': '' }, /unreadable: it is empty/],
    ['is unreadable', { 'a.md5': 'nonsense' }, /unreadable: .*"nonsense"/],
    [
      'names another checksum',
      { 'a.md5': `${sum('md5', 'z')}  a\n` },
      /names md5 .*, but the bytes that were read/,
    ],
    ['names that of another file', { 'a.md5': `${sum('md5', 'x')}  b\n` }, /names no md5 checksum for a/],
  ])('fails its file alone where it %s, and leaves all as it was', async (_, beside, why) => {
    const files = { a: 'x', ...beside, b: 'y', 'b.md5': sum('md5', 'y') };
    const { run, target, source, journal } = agreed(files, {
      required: md5,
      disposition: { kind: 'delete' },
    });
    target.seed('out/a', 'yesterday');
    const failure = { code: 'checksum-mismatch', message: expect.stringMatching(why) };
    expect(await run()).toMatchObject({ state: 'partial', failure });
    expect(journal.record('in/a')).toMatchObject({ state: 'failed', failure });
    expect(target.paths()).toEqual(['out/a', 'out/b']);
    expect(target.content('out/a')?.toString()).toBe('yesterday');
    expect(source.paths()).toEqual(['in/a', ...Object.keys(beside).map((name) => `in/${name}`)]);
  });

  it('is waited for while its file is young', async () => {
    const { run, source } = agreed({}, { required: md5 });
    source.seed('in/a', 'x', slowClock()());
    expect(await run()).toMatchObject({ state: 'succeeded', selected: 0 });
    source.setModifiedAt(parsePath('in/a'), seededAt);
    await expect(run()).rejects.toMatchObject({ code: 'checksum-mismatch' });
  });

  it('is of the bytes that were read, whatever transforms make of them', async () => {
    const files = { a: 'x', 'a.md5': sum('md5', 'x') };
    const { run, target } = agreed(files, { required: md5, transforms: [...transforms] });
    expect(await run()).toMatchObject({ state: 'succeeded' });
    expect(target.paths()).toEqual(['out/a.pgp']);
  });

  it('lets through what a partner puts right, once the run is tried again', async () => {
    const { run, source, journal } = agreed({ a: 'x', 'a.md5': sum('md5', 'y') }, { required: md5 });
    await expect(run()).rejects.toMatchObject({ code: 'checksum-mismatch' });
    source.seed('in/a.md5', sum('md5', 'x'), seededAt);
    journal.rewrite('in/a', { state: 'selected' });
    expect(await run()).toMatchObject({ state: 'succeeded' });
  });

  it.each<[Disposition, string[]]>([
    [{ kind: 'keep' }, ['in/a', 'in/a.md5']],
    [{ kind: 'delete' }, []],
    [archived, ['done/a', 'done/a.md5']],
  ])('follows its file: %o', async (disposition, left) => {
    const { run, source } = agreed({ a: 'x', 'a.md5': sum('md5', 'x') }, { required: md5, disposition });
    expect(await run()).toMatchObject({ state: 'succeeded' });
    expect(source.paths()).toEqual(left);
  });

  it('stays with a newer file that took the place of the delivered one', async () => {
    const files = { a: 'x', 'a.md5': sum('md5', 'x') };
    const { run, source, target, journal } = agreed(files, {
      required: md5,
      disposition: { kind: 'delete' },
    });
    journal.refusals.set('disposing', new Crashed('the worker dies'));
    await expect(run()).rejects.toThrow('dies');
    journal.refusals.clear();
    source.seed('in/a', 'newer', new Date('2026-01-02'));
    source.seed('in/a.md5', sum('md5', 'newer'), new Date('2026-01-02'));
    expect(await run()).toMatchObject({ state: 'succeeded' });
    expect([source.paths(), target.paths()]).toEqual([['in/a', 'in/a.md5'], ['out/a']]);
  });

  it('goes well with done-files, which need none themselves', async () => {
    const selection = { settleMs: 0, doneFile: { name: '{name}.ok', afterwards: 'move' } } as const;
    const files = { a: 'x', 'a.md5': sum('md5', 'x'), 'a.ok': '1', 'a.ok.md5': 'not ours to dispose of' };
    const rules = { required: md5, written: md5, selection, disposition: { kind: 'delete' } } as const;
    const { run, source, target } = agreed(files, rules);
    expect(await run()).toMatchObject({ state: 'succeeded', delivered: 2 });
    expect(source.paths()).toEqual(['in/a.ok.md5']);
    expect(target.paths()).toEqual(['out/a', 'out/a.md5', 'out/a.ok']);
  });
});

describe('a checksum file at the target', () => {
  it.each<[WrittenChecksumFile, string]>([
    [{ name: '{name}.sha256', algorithm: 'sha256' }, `${sum('sha256', 'x')}  a.csv\n`],
    [{ name: '{name}.sha512', algorithm: 'sha512', format: 'gnu' }, `${sum('sha512', 'x')}  a.csv\n`],
    [{ name: '{stem}.sha1', algorithm: 'sha1', format: 'bsd' }, `SHA1 (a.csv) = ${sum('sha1', 'x')}\n`],
    [{ name: 'md5_{name}', algorithm: 'md5', format: 'bare' }, `${sum('md5', 'x')}\n`],
  ])('is as agreed: %o', async (written, text) => {
    const { run, target } = agreed({ 'a.csv': 'x' }, { written, verification: 'read-back' });
    expect(await run()).toMatchObject({ state: 'succeeded', selected: 1 });
    const path = target.paths().find((found) => found !== 'out/a.csv') ?? '';
    expect(target.content(path)?.toString()).toBe(text);
  });

  it('takes the place of an older one, and is not written for a file that is skipped', async () => {
    const replaced = agreed({ a: 'x' }, { written: md5 });
    replaced.target.seed('out/a', 'old');
    replaced.target.seed('out/a.md5', 'old');
    await replaced.run();
    expect(replaced.target.content('out/a.md5')?.toString()).toBe(`${sum('md5', 'x')}  a\n`);
    const skipped = agreed({ a: 'x' }, { written: md5, conflict: 'skip' });
    skipped.target.seed('out/a', 'old');
    await skipped.run();
    expect(skipped.target.paths()).toEqual(['out/a']);
  });

  it.each(['skip', 'fail', 'rename'] as const)(
    'takes no name that is taken, with conflict rule %s',
    async (conflict) => {
      const { run, target, journal } = agreed({ a: 'x' }, { written: md5, conflict });
      target.seed('out/a.md5', 'theirs');
      const renamed = conflict === 'rename';
      expect(await run()).toMatchObject(
        renamed ? { state: 'succeeded' } : { state: 'partial', failure: { code: 'already-exists' } },
      );
      expect(target.content('out/a.md5')?.toString()).toBe('theirs');
      expect(target.paths()).toEqual(
        renamed ? ['out/a (1)', 'out/a (1).md5', 'out/a.md5'] : ['out/a', 'out/a.md5'],
      );
      expect(journal.record('in/a')).toMatchObject({ state: 'delivered', disposed: renamed });
    },
  );

  it('lies beside the name that its file got, and names that one', async () => {
    const { run, target } = agreed({ 'a.csv': 'x' }, { written: md5, conflict: 'rename' });
    target.seed('out/a.csv', 'theirs');
    await run();
    expect(target.paths()).toEqual(['out/a (1).csv', 'out/a (1).csv.md5', 'out/a.csv']);
    expect(target.content('out/a (1).csv.md5')?.toString()).toBe(`${sum('md5', 'x')}  a (1).csv\n`);
  });

  it('is of the bytes at the target, whatever was read', async () => {
    const { run, target } = agreed({ a: 'x' }, { written: md5, transforms: [...transforms] });
    expect(await run()).toMatchObject({ state: 'succeeded' });
    const arrived = target.content('out/a.pgp');
    expect(target.content('out/a.pgp.md5')?.toString()).toBe(`${sum('md5', arrived)}  a.pgp\n`);
  });

  it('is never there before its file, and the source is there until it is', async () => {
    const { run, source, target } = agreed({ a: 'x' }, { written: md5, disposition: { kind: 'delete' } });
    const watched = new CrashingEndpoint(target);
    const seen: string[] = [];
    watched.beforePut = (path) =>
      seen.push(`${path.endsWith('a.part') ? 'file' : 'checksum'}: ${target.paths()}`);
    await run({ target: watched });
    expect(seen).toEqual(['file: ', 'checksum: out/a']);
    expect(watched.effects.at(-1)).toMatch(/-> out\/a\.md5$/);
    expect(source.paths()).toEqual([]);
  });

  it('that can not be written leaves the file delivered, the run partial and the source there', async () => {
    const rules = { written: md5, disposition: { kind: 'delete' } } as const;
    const { run, source, target } = agreed({ a: 'x' }, rules);
    const error = new StorageError('permission-denied', 'no');
    const refusing = faulty(target, [{ on: 'move', call: 2, effect: { kind: 'fails', error } }]);
    expect(await run({ target: refusing })).toMatchObject({
      ...{ state: 'partial', delivered: 1 },
      failure: {
        code: 'permission-denied',
        message: expect.stringMatching(/out\/a was delivered, but its checksum/),
      },
    });
    expect([source.paths(), target.paths()]).toEqual([['in/a'], ['out/a']]);
    expect(await run()).toMatchObject({ state: 'succeeded' });
    expect([source.paths(), target.paths()]).toEqual([[], ['out/a', 'out/a.md5']]);
  });

  it('does not get its name from an attempt that was given up for lost', async () => {
    const { run, target, journal } = agreed({ a: 'x' }, { written: md5 });
    target.seed('out/a.md5', 'of the attempt that took over');
    journal.refusals.set('disposing', new Superseded('another attempt has the run'));
    await expect(run()).rejects.toBeInstanceOf(Superseded);
    expect(target.content('out/a.md5')?.toString()).toBe('of the attempt that took over');
  });

  it('is begun anew by the next attempt: what lies there may have the final name as well', async () => {
    const { run, target } = agreed({ a: 'x' }, { written: md5 });
    const cut = faulty(target, [{ on: 'move', call: 2, effect: { kind: 'loses-reply' } }]);
    await expect(run({ target: cut })).rejects.toMatchObject({ code: 'connection-lost' });
    const next = faulty(target, []);
    expect(await run({ target: next })).toMatchObject({ state: 'succeeded' });
    const ofPart = next.calls.filter(({ path }) => path.endsWith('a.md5.part'));
    expect(ofPart.map(({ operation }) => operation)).toEqual(['remove', 'put', 'move']);
  });

  it('that can not be written holds back the done-file', async () => {
    const selection = { settleMs: 0, doneFile: { name: '{name}.ok', afterwards: 'move' } } as const;
    const { run, target, journal } = agreed({ a: 'x', 'a.ok': '' }, { written: md5, selection });
    const error = new StorageError('permission-denied', 'no');
    const refusing = faulty(target, [{ on: 'move', call: 2, effect: { kind: 'fails', error } }]);
    expect(await run({ target: refusing })).toMatchObject({ state: 'partial' });
    expect(target.paths()).toEqual(['out/a']);
    expect(journal.record('in/a.ok')).toMatchObject({
      ...{
        state: 'failed',
        failure: { code: 'permission-denied', message: expect.stringMatching(/got no checksum/) },
      },
    });
  });

  it.each<[string, Record<string, string>, Rules]>([
    ['two files', { 'a.csv': 'x', 'a.xml': 'y' }, { written: { name: '{stem}.md5', algorithm: 'md5' } }],
    ['a file and a checksum file', { a: 'x', 'a.md5': 'y' }, { written: md5 }],
  ])('is refused before anything moves where %s would have one name', async (_, files, rules) => {
    const { run, target } = agreed(files, rules);
    await expect(run()).rejects.toMatchObject({
      code: 'misconfigured',
      message: expect.stringMatching(/checksum/),
    });
    expect(target.paths()).toEqual([]);
  });

  it('for which a name leaves no room fails the file before it moves', async () => {
    const long = 'n'.repeat(253);
    const { run, target, journal } = agreed({ [long]: 'x', b: 'y' }, { written: md5 });
    expect(await run()).toMatchObject({ state: 'partial' });
    expect(journal.record(`in/${long}`)).toMatchObject({ failure: { code: 'path-refused' } });
    expect(target.paths()).toEqual(['out/b', 'out/b.md5']);
  });
});

describe('a file that is continued', () => {
  it.each([
    ['the part file is read again', true],
    ['the file starts over where nobody may read it', false],
  ])('has the checksums of all its bytes: %s', async (_, readable) => {
    const bytes = someBytes(3 * CHUNK);
    const files = { a: bytes, 'a.md5': sum('md5', bytes) };
    const written = { name: '{name}.sha512', algorithm: 'sha512' } as const;
    const { run, target, journal } = agreed(files, { required: md5, written });
    const cut = faulty(target, [{ on: 'put', effect: { kind: 'loses-connection', afterBytes: 2 * CHUNK } }]);
    await expect(run({ target: cut, checkpointEveryBytes: CHUNK })).rejects.toMatchObject({
      code: 'connection-lost',
    });
    const denied = new StorageError('permission-denied', 'a drop box');
    const faults: Fault[] = readable ? [] : [{ on: 'read', effect: { kind: 'fails', error: denied } }];
    expect(await run({ target: faulty(target, faults) })).toMatchObject({ state: 'succeeded' });
    const from = journal.steps.filter((step) => step.startsWith('moving')).at(-1);
    expect(from).toBe(`moving in/a ${readable ? 2 * CHUNK : 0}`);
    expect(target.content('out/a.sha512')?.toString()).toBe(`${sum('sha512', bytes)}  a\n`);
  });
});

describe.each<[string, Rules]>([
  ['kept', { disposition: { kind: 'keep' } }],
  ['deleted', { disposition: { kind: 'delete' } }],
  ['archived', { disposition: archived }],
  ['deleted, transformed', { disposition: { kind: 'delete' }, transforms: [...transforms] }],
  ['deleted, not to be replaced', { disposition: { kind: 'delete' }, conflict: 'fail' }],
  ['deleted, to be renamed', { disposition: { kind: 'delete' }, conflict: 'rename' }],
])('where both sides have checksum files and sources are %s', (_, rules) => {
  const bytes = someBytes(2 * CHUNK + 17);
  const files = { a: bytes, 'a.md5': `${sum('md5', bytes)} *a\n` };
  const written = { name: '{name}.sha1', algorithm: 'sha1' } as const;
  const name = rules.transforms ? 'a.pgp' : rules.conflict === 'rename' ? 'a (1)' : 'a';
  const theirs = rules.conflict === 'rename' ? ['out/a'] : [];
  const left = { keep: ['in/a', 'in/a.md5'], delete: [], archive: ['done/a', 'done/a.md5'] };

  function withCrashes() {
    const world = agreed(files, { required: md5, written, ...rules });
    for (const path of theirs) world.target.seed(path, 'theirs');
    const source = new CrashingEndpoint(world.source);
    const target = new CrashingEndpoint(world.target);
    const crashAt = (crash: Crash | undefined) => {
      for (const part of [source, target, world.journal]) part.crash = crash;
    };
    const attempt = (input: Partial<RunTransferInput> = {}) =>
      world.run({ source, target, checkpointEveryBytes: CHUNK, ...input });
    const expectNothingEarly = (step: string) => {
      const [there, ours] = [world.target.paths(), world.source.paths()];
      if (there.includes(`out/${name}.sha1`)) expect(there, step).toContain(`out/${name}`);
      else expect(ours, step).toContain('in/a');
    };
    const expectAllInOrder = (step: string) => {
      expect(world.target.paths(), step).toEqual([...theirs, `out/${name}`, `out/${name}.sha1`]);
      const arrived = world.target.content(`out/${name}`);
      expect(world.target.content(`out/${name}.sha1`)?.toString(), step).toBe(
        `${sum('sha1', arrived)}  ${name}\n`,
      );
      expect(world.source.paths(), step).toEqual(left[rules.disposition?.kind ?? 'keep']);
      expect(world.journal.record('in/a'), step).toMatchObject({ state: 'delivered', disposed: true });
      const moved = target.effects.filter((effect) => effect.endsWith(`-> out/${name}`));
      expect(moved.length, step).toBe(1);
    };
    return { source, target, attempt, crashAt, expectNothingEarly, expectAllInOrder };
  }

  it('a crash at any step costs nothing, doubles nothing and leaves nothing over', async () => {
    let step = 1;
    for (; ; step++) {
      const { attempt, crashAt, expectNothingEarly, expectAllInOrder } = withCrashes();
      const crash = new Crash(step);
      crashAt(crash);
      await attempt().catch((error: unknown) => expect(error, `step ${step}`).toBeInstanceOf(Crashed));
      if (!crash.happened) break;
      expectNothingEarly(`crashed at step ${step}`);
      crashAt(undefined);
      expect(await attempt(), `step ${step}`).toMatchObject({ state: 'succeeded' });
      expectAllInOrder(`crashed at step ${step}`);
    }
    expect(step).toBeGreaterThan(30);
  }, 60_000);

  it('nor does a second crash while the first one is made good', async () => {
    for (let step = 3; step < 60; step += 4) {
      const { attempt, crashAt, expectNothingEarly, expectAllInOrder } = withCrashes();
      for (const at of [step, (step * 7) % 41, (step * 11) % 37]) {
        crashAt(new Crash(at + 3));
        await attempt().catch((error: unknown) => expect(error).toBeInstanceOf(Crashed));
        expectNothingEarly(`crashed again after step ${step}`);
      }
      crashAt(undefined);
      expect(await attempt(), `step ${step}`).toMatchObject({ state: 'succeeded' });
      expectAllInOrder(`crashed again after step ${step}`);
    }
  }, 60_000);

  it('nor does a reply that is lost after the operation took effect', async () => {
    const operations: Operation[] = ['list', 'stat', 'read', 'put', 'move', 'remove', 'makeDirectory'];
    const faults = operations.flatMap((on) =>
      [1, 2, 3].map((call): Fault => ({ on, call, effect: { kind: 'loses-reply' } })),
    );
    for (const side of ['source', 'target'] as const)
      for (const fault of faults) {
        const { attempt, expectAllInOrder, ...sides } = withCrashes();
        await attempt({ [side]: faulty(sides[side], [fault]) }).catch((error: unknown) =>
          expect(error).toMatchObject({ code: 'connection-lost' }),
        );
        const where = `${fault.on} no. ${fault.call} at the ${side}`;
        expect(await attempt(), where).toMatchObject({ state: 'succeeded' });
        expectAllInOrder(where);
      }
  }, 60_000);
});
