import { type AcknowledgementRule, parsePath, type WrittenChecksumFile } from '@waybill/domain';
import { StorageError } from '@waybill/storage';
import { type Fault, faulty, type Operation } from '@waybill/storage/faulty';
import { describe, expect, it } from 'vitest';
import { looksAgainAt } from './acknowledgement.js';
import { Superseded } from './run-journal.js';
import type { RunTransferInput } from './run-transfer.js';
import { Crash, Crashed, CrashingEndpoint } from './testing/crash.js';
import { aDefinition, archived, aWorld, type DefinitionChange, type WorldOptions } from './testing/world.js';

const minute = 60_000;
const timeoutMs = 60 * minute;
const yesterday = new Date('2026-01-31T06:00:00Z');

interface Rules extends DefinitionChange {
  readonly rule?: Partial<AcknowledgementRule>;
  readonly written?: WrittenChecksumFile;
  readonly partNaming?: WorldOptions['partNaming'];
}

/** A partner that acknowledges by `{name}.ack` and refuses by `{name}.err` what comes into `out`. */
function answering(files: Record<string, string>, { rule, written, partNaming, ...change }: Rules = {}) {
  const world = aWorld(files, {}, partNaming ? { partNaming } : {});
  const base = aDefinition({ disposition: { kind: 'delete' }, ...change });
  const acknowledgement = { name: '{name}.ack', refusalName: '{name}.err', timeoutMs, ...rule };
  const definition = { ...base, target: { ...base.target, checksumFile: written, acknowledgement } };
  let at = Date.parse('2026-02-01T06:00:00Z');
  const now = () => new Date(at);
  return {
    ...world,
    definition,
    now,
    pass: (ms: number) => {
      at += ms;
    },
    answer: (path: string, content = '') => world.target.seed(path, content, now()),
    run: (input: Partial<RunTransferInput> = {}) => world.run({ definition, now, ...input }),
    /** A person has the run tried again. */
    retry: (path: string) => world.journal.rewrite(path, { failure: undefined, awaitedSince: now() }),
  };
}

describe('a delivered file', () => {
  it('is waited for with its source there, and disposed of once the partner has acknowledged it', async () => {
    const { run, source, target, journal, pass, answer, now } = answering({ a: 'x' });
    const waiting = {
      state: 'waiting',
      delivered: 1,
      reason: 'the partner has yet to acknowledge 1 delivered file',
    };
    expect(await run()).toMatchObject({ ...waiting, until: new Date(now().getTime() + 30_000) });
    expect([source.paths(), target.paths()]).toEqual([['in/a'], ['out/a']]);
    pass(30_000);
    expect(await run()).toMatchObject(waiting);
    pass(10 * minute);
    answer('out/a.ack');
    expect(await run()).toMatchObject({ state: 'succeeded', delivered: 1 });
    expect([source.paths(), target.paths()]).toEqual([[], ['out/a', 'out/a.ack']]);
    expect(journal.record('in/a')).toMatchObject({ state: 'delivered', disposed: true });
    expect(journal.record('in/a').acknowledgedAt).toBeDefined();
    expect(journal.steps.filter((step) => step.startsWith('committing'))).toHaveLength(1);
  });

  it.each([
    ['keep' as const, ['out/a', 'out/a.ack']],
    ['remove' as const, ['out/a']],
  ])('has its acknowledgement dealt with by the rule: %s', async (afterwards, left) => {
    const { run, target, answer } = answering({ a: 'x' }, { rule: { afterwards } });
    await run();
    answer('out/a.ack');
    expect(await run()).toMatchObject({ state: 'succeeded' });
    expect(target.paths()).toEqual(left);
  });

  it('is disposed of even if its acknowledgement can not be removed', async () => {
    const { run, source, target, answer, warnings } = answering(
      { a: 'x' },
      { rule: { afterwards: 'remove' } },
    );
    await run();
    answer('out/a.ack');
    const error = new StorageError('permission-denied', 'no');
    const refusing = faulty(target, [{ on: 'remove', effect: { kind: 'fails', error } }]);
    expect(await run({ target: refusing })).toMatchObject({ state: 'succeeded' });
    expect([source.paths(), target.paths()]).toEqual([[], ['out/a', 'out/a.ack']]);
    expect(warnings).toEqual([expect.stringMatching(/a\.ack .* could not be removed/)]);
  });

  it('can be acknowledged in another directory, even by its own name', async () => {
    const rule = { name: '{name}', refusalName: undefined, directory: parsePath('acks') };
    const { run, source, answer } = answering({ a: 'x' }, { rule });
    await run();
    answer('out/a.ack');
    expect(await run()).toMatchObject({ state: 'waiting' });
    answer('acks/a');
    expect(await run()).toMatchObject({ state: 'succeeded' });
    expect(source.paths()).toEqual([]);
  });

  it('is acknowledged under the name that it got', async () => {
    const { run, target, answer } = answering({ 'a.csv': 'x' }, { conflict: 'rename' });
    target.seed('out/a.csv', 'theirs');
    await run();
    answer('out/a.csv.ack');
    expect(await run()).toMatchObject({ state: 'waiting' });
    answer('out/a (1).csv.ack');
    expect(await run()).toMatchObject({ state: 'succeeded' });
  });

  it('is waited for, too, where its source is kept', async () => {
    const { run, answer, journal } = answering({ a: 'x' }, { disposition: { kind: 'keep' } });
    expect(await run()).toMatchObject({ state: 'waiting' });
    answer('out/a.ack');
    expect(await run()).toMatchObject({ state: 'succeeded' });
    expect(journal.record('in/a').disposed).toBe(true);
  });

  it('is not waited for where it was skipped', async () => {
    const { run, target } = answering({ a: 'x' }, { conflict: 'skip' });
    target.seed('out/a', 'theirs');
    expect(await run()).toMatchObject({ state: 'succeeded', skipped: 1 });
  });
});

describe('an answer that lay there before', () => {
  it.each(['ack', 'err'])('does not count: a.%s', async (ending) => {
    const { run, target, source, pass, journal } = answering({ a: 'x' });
    target.seed(`out/a.${ending}`, 'old', yesterday);
    expect(await run()).toMatchObject({ state: 'waiting' });
    pass(timeoutMs);
    const message = ending === 'ack' ? /the one that lies there is from before/ : /it is not there/;
    const failure = { code: 'not-acknowledged', message: expect.stringMatching(message) };
    expect(await run()).toMatchObject({ state: 'partial', failure });
    expect(journal.record('in/a')).toMatchObject({ state: 'delivered', failure });
    expect(source.paths()).toEqual(['in/a']);
  });

  it.each([
    ['another size', 'other', yesterday],
    ['another time', 'old', new Date('2026-02-01T06:00:01Z')],
  ])('counts once it has %s', async (_, content, modifiedAt) => {
    const { run, target } = answering({ a: 'x' });
    target.seed('out/a.ack', 'old', yesterday);
    expect(await run()).toMatchObject({ state: 'waiting' });
    target.seed('out/a.ack', content, modifiedAt);
    expect(await run()).toMatchObject({ state: 'succeeded' });
  });

  it('is looked at right before the rename: what comes after it answers this file', async () => {
    const { run, target, answer } = answering({ a: 'x' });
    const watched = new CrashingEndpoint(target);
    watched.beforePut = () => answer('out/a.ack');
    expect(await run({ target: watched })).toMatchObject({ state: 'waiting' });
    const quick = answering({ a: 'x' });
    const quickly = Object.assign(new CrashingEndpoint(quick.target), {
      async move(...args: Parameters<typeof quick.target.move>) {
        await quick.target.move(...args);
        quick.answer('out/a.ack');
      },
    });
    expect(await quick.run({ target: quickly })).toMatchObject({ state: 'succeeded' });
  });

  it('is looked at before the first byte of a file that has no part file', async () => {
    const { run, target, answer } = answering({ a: 'x' }, { partNaming: { kind: 'none' } });
    target.seed('out/a.ack', 'old', yesterday);
    expect(await run()).toMatchObject({ state: 'waiting' });
    const quick = answering({ a: 'x' }, { partNaming: { kind: 'none' } });
    const quickly = Object.assign(new CrashingEndpoint(quick.target), {
      async put(...args: Parameters<typeof quick.target.put>) {
        const held = await quick.target.put(...args);
        quick.answer('out/a.ack');
        return held;
      },
    });
    expect(await quick.run({ target: quickly })).toMatchObject({ state: 'succeeded' });
    answer('out/a.ack');
    expect(await run()).toMatchObject({ state: 'succeeded' });
  });

  it('can not be looked for in a place that lets nobody look: then nothing is delivered', async () => {
    const { run, target } = answering({ a: 'x', b: 'y' });
    const error = new StorageError('permission-denied', 'no');
    const refusing = faulty(target, [
      { on: 'stat', path: 'out/a.ack', call: 'every', effect: { kind: 'fails', error } },
    ]);
    expect(await run({ target: refusing })).toMatchObject({ state: 'waiting', delivered: 1, failed: 1 });
    expect(target.paths()).toEqual(['out/b']);
  });
});

describe('a file that the partner does not acknowledge', () => {
  it('in time is not acknowledged, though a look at the last moment still counts', async () => {
    const late = answering({ a: 'x' });
    await late.run();
    late.pass(timeoutMs);
    late.answer('out/a.ack');
    expect(await late.run()).toMatchObject({ state: 'succeeded' });
    const never = answering({ a: 'x' });
    await never.run();
    never.pass(timeoutMs - 1);
    expect(await never.run()).toMatchObject({ state: 'waiting', until: new Date(never.now().getTime() + 1) });
    never.pass(1);
    const failure = { code: 'not-acknowledged', message: expect.stringMatching(/out\/a .*within 3600 s/) };
    expect(await never.run()).toMatchObject({ state: 'partial', delivered: 1, failed: 0, failure });
    expect([never.source.paths(), never.target.paths()]).toEqual([['in/a'], ['out/a']]);
  });

  it('but refuses fails at once, and the refusal stays for people to read', async () => {
    const { run, source, target, answer, journal } = answering(
      { a: 'x' },
      { rule: { afterwards: 'remove' } },
    );
    await run();
    answer('out/a.ack');
    answer('out/a.err', 'total is wrong');
    const message = expect.stringMatching(/refused it by out\/a\.err \(14 bytes/);
    expect(await run()).toMatchObject({ state: 'partial', failure: { code: 'not-acknowledged', message } });
    expect([source.paths(), target.paths()]).toEqual([['in/a'], ['out/a', 'out/a.ack', 'out/a.err']]);
    expect(journal.record('in/a').state).toBe('delivered');
  });

  it('is not sent again by a retry, which waits for another answer', async () => {
    const { run, retry, target, source, answer, pass, journal } = answering({ a: 'x' });
    await run();
    answer('out/a.err', 'no');
    await run();
    source.seed('in/b', 'new');
    retry('in/a');
    const moves = journal.steps.length;
    expect(await run()).toMatchObject({ state: 'waiting', selected: 1 });
    expect(journal.steps.slice(moves).filter((step) => /moving|select/.test(step))).toEqual([]);
    pass(minute);
    answer('out/a.err', 'still no');
    expect(await run()).toMatchObject({ state: 'partial', failure: { code: 'not-acknowledged' } });
    retry('in/a');
    answer('out/a.ack');
    expect(await run()).toMatchObject({ state: 'succeeded' });
    expect([source.paths(), target.paths()]).toEqual([['in/b'], ['out/a', 'out/a.ack', 'out/a.err']]);
  });

  it('holds up no other one, and is on record when the others have been waited for', async () => {
    const { run, source, answer, pass } = answering({ a: 'x', b: 'y', c: 'z' });
    await run();
    answer('out/a.err');
    answer('out/b.ack');
    expect(await run()).toMatchObject({
      state: 'waiting',
      reason: expect.stringMatching(/1 delivered file$/),
    });
    expect(source.paths()).toEqual(['in/a', 'in/c']);
    pass(minute);
    answer('out/c.ack');
    const message = expect.stringMatching(/^out\/a /);
    expect(await run()).toMatchObject({ state: 'partial', delivered: 3, failure: { message } });
    expect(source.paths()).toEqual(['in/a']);
  });
});

describe('while a run waits', () => {
  it('it takes no further files, and does not try again each time what has failed', async () => {
    const { run, source, target, answer, journal } = answering({ a: 'x', b: 'y' });
    const error = new StorageError('permission-denied', 'no');
    const refusing = () => faulty(target, [{ on: 'put', call: 2, effect: { kind: 'fails', error } }]);
    expect(await run({ target: refusing() })).toMatchObject({ state: 'waiting', delivered: 1, failed: 1 });
    source.seed('in/c', 'new');
    const watched = refusing();
    expect(await run({ target: watched })).toMatchObject({ state: 'waiting', selected: 2 });
    expect(watched.calls.filter(({ operation }) => operation === 'put')).toEqual([]);
    answer('out/a.ack');
    expect(await run()).toMatchObject({
      state: 'partial',
      failed: 1,
      failure: { code: 'permission-denied' },
    });
    expect(journal.record('in/b').state).toBe('failed');
  });

  it('its checksum files are there, and left alone', async () => {
    const written = { name: '{name}.md5', algorithm: 'md5' } as const;
    const { run, target, answer } = answering({ a: 'x' }, { written });
    const watched = new CrashingEndpoint(target);
    await run({ target: watched });
    expect(target.paths()).toEqual(['out/a', 'out/a.md5']);
    await target.remove(parsePath('out/a.md5'), { signal: new AbortController().signal });
    const before = watched.effects.length;
    expect(await run({ target: watched })).toMatchObject({ state: 'waiting' });
    answer('out/a.ack');
    expect(await run({ target: watched })).toMatchObject({ state: 'succeeded' });
    expect(watched.effects.slice(before)).toEqual([]);
  });

  it('a done-file that is moved along has arrived, and stays at the source with its file', async () => {
    const selection = { settleMs: 0, doneFile: { name: '{name}.ok', afterwards: 'move' } } as const;
    const { run, source, target, answer } = answering(
      { a: 'x', 'a.ok': '', b: 'y', 'b.ok': '' },
      { selection },
    );
    expect(await run()).toMatchObject({ state: 'waiting', delivered: 4 });
    expect(target.paths()).toEqual(['out/a', 'out/a.ok', 'out/b', 'out/b.ok']);
    answer('out/a.ack');
    expect(await run()).toMatchObject({ state: 'waiting' });
    expect(source.paths()).toEqual(['in/b', 'in/b.ok']);
    answer('out/b.err');
    expect(await run()).toMatchObject({ state: 'partial' });
    expect(source.paths()).toEqual(['in/b', 'in/b.ok']);
  });

  it('a newer file at the source is not taken for the acknowledged one', async () => {
    const { run, source, answer } = answering({ a: 'x' });
    await run();
    source.seed('in/a', 'newer');
    answer('out/a.ack');
    expect(await run()).toMatchObject({ state: 'succeeded' });
    expect(source.paths()).toEqual(['in/a']);
  });

  it('a place that does not answer is looked at again, until the time is over', async () => {
    const { run, target, definition, journal, now, pass } = answering({ a: 'x' });
    expect(looksAgainAt(definition, await journal.deliveries(), now())).toBeUndefined();
    await run();
    const error = new StorageError('connection-lost', 'gone');
    const cut = faulty(target, [{ on: 'stat', path: 'out/a.ack', effect: { kind: 'fails', error } }]);
    await expect(run({ target: cut })).rejects.toMatchObject({ code: 'connection-lost' });
    const again = () => journal.deliveries().then((records) => looksAgainAt(definition, records, now()));
    expect(await again()).toEqual(new Date(now().getTime() + 30_000));
    pass(timeoutMs);
    expect(await again()).toBeUndefined();
  });

  it('a place that lets nobody look ends the wait, with the reason', async () => {
    const { run, target, source } = answering({ a: 'x' });
    await run();
    const error = new StorageError('permission-denied', 'no');
    const refusing = faulty(target, [{ on: 'stat', call: 'every', effect: { kind: 'fails', error } }]);
    const message = expect.stringMatching(/was delivered, but the partner's answer/);
    expect(await run({ target: refusing })).toMatchObject({
      ...{ state: 'partial', failure: { code: 'permission-denied', message } },
    });
    expect(source.paths()).toEqual(['in/a']);
  });

  it('an attempt that was given up for lost neither removes answers nor disposes of anything', async () => {
    const { run, source, target, journal, answer } = answering(
      { a: 'x' },
      { rule: { afterwards: 'remove' } },
    );
    await run();
    answer('out/a.ack');
    journal.refusals.set('disposing', new Superseded('another attempt has the run'));
    await expect(run()).rejects.toBeInstanceOf(Superseded);
    expect([source.paths(), target.paths()]).toEqual([['in/a'], ['out/a', 'out/a.ack']]);
  });
});

describe('a file that was claimed', () => {
  const claim = { suffix: '.taken' };

  it('stays so while it is waited for, and is disposed of', async () => {
    const { run, source, answer } = answering({ a: 'x' }, { claim, disposition: archived });
    expect(await run()).toMatchObject({ state: 'waiting' });
    expect(source.paths()).toEqual([expect.stringMatching(/^in\/a\..*\.taken$/)]);
    answer('out/a.ack');
    expect(await run()).toMatchObject({ state: 'succeeded' });
    expect(source.paths()).toEqual(['done/a']);
  });

  it('gets its name back if it is not acknowledged, and is disposed of when a retry finds that it was', async () => {
    const { run, source, answer, retry } = answering({ a: 'x' }, { claim });
    await run();
    answer('out/a.err');
    expect(await run()).toMatchObject({ state: 'partial', failure: { code: 'not-acknowledged' } });
    expect(source.paths()).toEqual(['in/a']);
    retry('in/a');
    answer('out/a.ack');
    expect(await run()).toMatchObject({ state: 'succeeded' });
    expect(source.paths()).toEqual([]);
  });
});

it('of a set, each file is acknowledged by itself', async () => {
  const { run, source, answer } = answering({ a: 'x', b: 'y', ctl: 'z' }, { set: { controlFile: 'ctl' } });
  expect(await run()).toMatchObject({ state: 'waiting', delivered: 3 });
  answer('out/a.ack');
  answer('out/ctl.ack');
  expect(await run()).toMatchObject({ state: 'waiting' });
  expect(source.paths()).toEqual(['in/b']);
  answer('out/b.err');
  expect(await run()).toMatchObject({
    state: 'partial',
    delivered: 3,
    failure: { code: 'not-acknowledged' },
  });
  expect(source.paths()).toEqual(['in/b']);
});

describe('names of answers', () => {
  it.each<[string, Record<string, string>, Partial<AcknowledgementRule>]>([
    ['two files would be answered by one', { 'a.csv': 'x', 'a.xml': 'y' }, { name: '{stem}.ack' }],
    ['a file has the name of an answer', { a: 'x', 'a.ack': 'y' }, {}],
    [
      'a refusal of one is the acknowledgement of another',
      { 'x.ok': 'x', 'x.ok.ok': 'y' },
      { name: '{name}.ok' },
    ],
  ])('are refused before anything moves where %s', async (_, files, rule) => {
    const { run, target } = answering(files, { rule });
    const message = expect.stringMatching(/an answer to/);
    await expect(run()).rejects.toMatchObject({ code: 'misconfigured', message });
    expect(target.paths()).toEqual([]);
  });

  it('for which a name leaves no room fail the file before it moves', async () => {
    const long = 'n'.repeat(253);
    const { run, target, journal } = answering({ [long]: 'x', b: 'y' });
    expect(await run()).toMatchObject({ state: 'waiting' });
    expect(journal.record(`in/${long}`)).toMatchObject({ failure: { code: 'path-refused' } });
    expect(target.paths()).toEqual(['out/b']);
  });
});

describe.each<[string, Rules]>([
  ['deleted', {}],
  ['claimed and deleted', { claim: { suffix: '.taken' } }],
  ['those of a set, and deleted', { set: {} }],
  ['deleted, with answers removed', { rule: { afterwards: 'remove' } }],
  [
    'archived, with checksum files',
    { disposition: archived, written: { name: '{name}.md5', algorithm: 'md5' } },
  ],
  [
    'kept, to be renamed',
    { disposition: { kind: 'keep' }, conflict: 'rename', rule: { afterwards: 'remove' } },
  ],
])('where the sources are %s', (_, rules) => {
  const name = rules.conflict === 'rename' ? 'a (1)' : 'a';
  const left = { keep: ['in/a'], delete: [], archive: ['done/a'] }[rules.disposition?.kind ?? 'delete'];

  function withCrashes() {
    const world = answering({ a: 'x' }, rules);
    if (rules.conflict === 'rename') world.target.seed('out/a', 'theirs');
    world.target.seed(`out/${name}.ack`, 'old', yesterday);
    const source = new CrashingEndpoint(world.source);
    const target = new CrashingEndpoint(world.target);
    const crashAt = (crash: Crash | undefined) => {
      for (const part of [source, target, world.journal]) part.crash = crash;
    };
    const isAnswered = () => world.target.content(`out/${name}.ack`)?.toString() !== 'old';
    /** The partner answers what it finds, between two attempts. */
    const goOn = (where: string) => {
      if (!isAnswered()) expect(world.source.paths(), where).toHaveLength(1);
      if (world.target.paths().includes(`out/${name}`) && !isAnswered()) world.answer(`out/${name}.ack`);
      world.pass(30_000);
    };
    const expectAllInOrder = (where: string) => {
      const record = world.journal.record('in/a');
      expect(record, where).toMatchObject({ state: 'delivered', disposed: true });
      expect([record.failure, record.acknowledgedAt], where).toEqual([undefined, expect.any(Date)]);
      expect(world.source.paths(), where).toEqual(left);
      const theirs = rules.conflict === 'rename' ? ['out/a'] : [];
      const answers = rules.rule?.afterwards === 'remove' ? [] : [`out/${name}.ack`];
      const sums = rules.written ? [`out/${name}.md5`] : [];
      expect(world.target.paths(), where).toEqual([...theirs, `out/${name}`, ...answers, ...sums].sort());
      const moved = target.effects.filter((effect) => effect.endsWith(`-> out/${name}`));
      expect(moved.length, where).toBe(1);
    };
    const attempt = (input: Partial<RunTransferInput> = {}) => world.run({ source, target, ...input });
    return { source, target, attempt, crashAt, goOn, expectAllInOrder };
  }

  it('a crash at any step, before the answer or after it, loses nothing and doubles nothing', async () => {
    let step = 1;
    for (; ; step++) {
      const { attempt, crashAt, goOn, expectAllInOrder } = withCrashes();
      const crash = new Crash(step);
      crashAt(crash);
      for (let state = ''; state !== 'succeeded'; goOn(`step ${step}`)) {
        const crashed = (error: unknown) => {
          expect(error, `step ${step}`).toBeInstanceOf(Crashed);
          crashAt(undefined);
          return { state: 'crashed' };
        };
        ({ state } = await attempt().catch(crashed));
        expect(['waiting', 'succeeded', 'crashed'], `step ${step}`).toContain(state);
      }
      expectAllInOrder(`crashed at step ${step}`);
      if (!crash.happened) break;
    }
    expect(step).toBeGreaterThan(35);
  }, 60_000);

  it('nor does a reply that is lost after the operation took effect', async () => {
    const operations: Operation[] = ['list', 'stat', 'put', 'move', 'remove', 'makeDirectory'];
    const faults = operations.flatMap((on) =>
      [1, 2, 3, 4].map((call): Fault => ({ on, call, effect: { kind: 'loses-reply' } })),
    );
    for (const side of ['source', 'target'] as const)
      for (const fault of faults) {
        const where = `${fault.on} no. ${fault.call} at the ${side}`;
        const { attempt, goOn, expectAllInOrder, ...sides } = withCrashes();
        const cut = faulty(sides[side], [fault]);
        for (let state = ''; state !== 'succeeded'; goOn(where))
          ({ state } = await attempt({ [side]: cut }).catch((error: unknown) => {
            expect(error, where).toMatchObject({ code: 'connection-lost' });
            return { state: 'cut' };
          }));
        expectAllInOrder(where);
      }
  }, 60_000);
});
