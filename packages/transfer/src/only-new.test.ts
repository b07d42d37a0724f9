import { parsePath, type RemotePath } from '@waybill/domain';
import { describe, expect, it } from 'vitest';
import { recall } from './ledger.js';
import { Crashed, CrashingEndpoint } from './testing/crash.js';
import { anExchange, start } from './testing/exchange.js';
import { MemoryJournal } from './testing/memory-journal.js';
import { salting, unsalted } from './testing/salted.js';
import { aDefinition, archived, type DefinitionChange } from './testing/world.js';

const HOUR = 3_600_000;

describe('a transfer that takes new files only', () => {
  it('takes a file once, and one that arrives late with an old time all the same', async () => {
    const { write, run, clock } = anExchange();
    write('a', 'first', start - HOUR);
    expect(await run()).toEqual(['a first']);
    clock.pass(HOUR);
    write('late', 'older than all', start - 1_000 * HOUR);
    expect(await run()).toEqual(['late older than all']);
    expect(await run()).toEqual([]);
  });

  it('takes new content under an old name, whether or not its size and time tell', async () => {
    const { write, run, clock } = anExchange({}, { stepMs: 60_000 });
    write('a', 'one');
    expect(await run()).toEqual(['a one']);
    clock.pass(1_000);
    write('a', 'two');
    expect(await run()).toEqual(['a two']);
    write('a', 'three', start - HOUR);
    expect(await run()).toEqual(['a three']);
    write('a', 'two', start - 2 * HOUR);
    expect(await run()).toEqual(['a two']);
  });

  it.each(['replace', 'skip', 'fail', 'rename'] as const)(
    'reads files whose times have jumped by an hour once, and delivers none (conflict rule %s)',
    async (conflict) => {
      const { write, run, clock, ours, ledger, openJournal, attempt } = anExchange({ conflict });
      write('a', 'same', start - 3 * HOUR);
      await run();
      clock.pass(60_000);
      write('a', 'same', start - 2 * HOUR);
      const journal = openJournal();
      expect(await attempt(journal)).toMatchObject({ state: 'succeeded', delivered: 0, skipped: 1 });
      expect(journal.record('in/a').reason).toMatch(/delivered the same content .* SHA-256/);
      expect(ours.paths()).toEqual(['out/a']);
      expect(ledger.entries.get('in/a')?.modifiedAt).toEqual(new Date(start - 2 * HOUR));
      const next = openJournal();
      expect(await attempt(next)).toMatchObject({ selected: 0 });
    },
  );

  it('knows a file that transforms have changed by what it was at the source', async () => {
    const transforms = [{ kind: 'openpgp-encrypt', recipients: ['acme'] }] as const;
    const { write, ours, openJournal, attempt } = anExchange({ transforms });
    const openTransforms = salting();
    const next = () => attempt(openJournal(), { openTransforms });
    write('a', 'first', start - 3 * HOUR);
    expect(await next()).toMatchObject({ delivered: 1 });
    expect(await next()).toMatchObject({ selected: 0 });
    write('a', 'first', start - 2 * HOUR);
    expect(await next()).toMatchObject({ delivered: 0, skipped: 1 });
    write('a', 'other', start - 2 * HOUR + 1);
    expect(await next()).toMatchObject({ delivered: 1 });
    expect(unsalted(ours.content('out/a.pgp'))?.toString()).toBe('other');
  });

  it('enters no file that was not delivered: skipped, failed or still being written', async () => {
    const { write, run, ours, ledger, partner } = anExchange({
      conflict: 'skip',
      selection: { settleMs: 5 },
    });
    write('there', 'ours', start - HOUR);
    write('whole', 'fine', start - HOUR);
    write('fresh', 'half');
    ours.seed('out/there', 'theirs');
    let looks = 0;
    const growing = Object.assign(new CrashingEndpoint(partner), {
      async *list(...given: Parameters<CrashingEndpoint['list']>) {
        if (looks++ > 0) write('fresh', `half${'+'.repeat(looks)}`);
        yield* partner.list(...given);
      },
    });
    expect(await run({ source: growing })).toEqual(['whole fine']);
    expect([...ledger.entries.keys()]).toEqual(['in/whole']);
  });

  it('takes a file that failed again, with no trace of the failure in between', async () => {
    const { write, run, ours, ledger } = anExchange({ conflict: 'fail' });
    write('a', 'first', start - HOUR);
    ours.seed('out/a', 'theirs');
    await expect(run()).rejects.toMatchObject({ code: 'already-exists' });
    expect(ledger.entries.size).toBe(0);
    await ours.remove(parsePath('out/a'), { signal: new AbortController().signal });
    expect(await run()).toEqual(['a first']);
  });

  it('leaves alone what another run of the transfer has under way', async () => {
    const { write, run, openJournal, attempt, crashAt, target } = anExchange();
    write('a', 'first', start - HOUR);
    const journal = openJournal();
    crashAt(journal, 12);
    await expect(attempt(journal)).rejects.toThrow(Crashed);
    crashAt(journal);
    write('b', 'second', start - HOUR);
    expect(await run()).toEqual(['b second']);
    await attempt(journal);
    expect(target.arrived).toEqual(['b second', 'a first']);
  });

  it('skips in a later attempt what another run has delivered since', async () => {
    const { write, run, openJournal, attempt, ledger, partner } = anExchange();
    write('a', 'first', start - HOUR);
    const early = openJournal();
    const sourceModifiedAt = new Date(start - HOUR);
    await early.select([{ sourcePath: 'in/a', targetPath: 'out/a', size: 5, sourceModifiedAt }]);
    ledger.isOver(early);
    expect(await run()).toEqual(['a first']);
    const unread = { read: () => expect.unreachable('nothing has to be read to tell that') };
    const source = Object.assign(new CrashingEndpoint(partner), unread);
    expect(await attempt(early, { source })).toMatchObject({ delivered: 0, skipped: 1 });
  });

  it('leaves the source of what was delivered before as it is, whatever becomes of those that are', async () => {
    const { write, run, partner } = anExchange({ disposition: { kind: 'delete' } });
    write('a', 'first', start - 3 * HOUR);
    await run();
    write('a', 'first', start - 2 * HOUR);
    expect(await run()).toEqual([]);
    expect(partner.paths()).toContain('in/a');
  });

  it('asks for what was delivered in batches, whatever the number of files', async () => {
    const { ledger } = anExchange();
    const asked: number[] = [];
    const delivered = async (paths: readonly RemotePath[]) => {
      asked.push(paths.length);
      return new Map();
    };
    const paths = Array.from({ length: 100_000 }, (_, i) => parsePath(`in/${i}`));
    const definition = aDefinition({ selection: { onlyNew: true } });
    await recall({ ...ledger.of(new MemoryJournal()), delivered }, definition, paths);
    expect(asked).toEqual(Array.from({ length: 10 }, () => 10_000));
  });

  it('asks for nothing where the rules take every file', async () => {
    const asked = () => expect.unreachable('nothing is to be asked');
    const seen = await recall({ delivered: asked, underWay: asked }, aDefinition(), [parsePath('in/a')]);
    expect(seen.perhaps(parsePath('in/a'), 1)).toBeUndefined();
  });
});

describe('with done-files that are moved, a transfer that takes new files only', () => {
  const doneFile = { name: '{name}.done', afterwards: 'move' } as const;
  const withDoneFiles = () => anExchange({ selection: { doneFile } });

  it('moves the done-file of new content, though it has nothing new in it', async () => {
    const { write, run } = withDoneFiles();
    write('a', 'first', start - 3 * HOUR);
    write('a.done', '', start - 3 * HOUR);
    expect(await run()).toEqual(['a first', 'a.done ']);
    write('a', 'other', start - 2 * HOUR);
    write('a.done', '', start - 2 * HOUR);
    expect(await run()).toEqual(['a other', 'a.done ']);
  });

  it('does not announce once more what it has delivered before, wherever a run dies', async () => {
    let step = 1;
    for (; ; step++) {
      const { write, run, openJournal, attempt, crashAt, target } = withDoneFiles();
      write('a', 'first', start - 3 * HOUR);
      write('a.done', '', start - 3 * HOUR);
      await run();
      write('a', 'first', start - 2 * HOUR);
      write('a.done', '', start - 2 * HOUR);
      const journal = openJournal();
      const crash = crashAt(journal, step);
      await attempt(journal).catch((error: unknown) => expect(error, `step ${step}`).toBeInstanceOf(Crashed));
      crashAt(journal);
      if (!crash?.happened) break;
      expect(await attempt(journal), `step ${step}`).toMatchObject({ state: 'succeeded', skipped: 2 });
      expect(target.arrived, `step ${step}`).toEqual(['a first', 'a.done ']);
    }
    expect(step).toBeGreaterThan(10);
  }, 60_000);
});

const doneFile = { name: '{name}.done', afterwards: 'move' } as const;
const table: [string, DefinitionChange][] = [
  ['sources are kept', {}],
  ['sources are deleted', { disposition: { kind: 'delete' } }],
  ['sources are archived', { disposition: archived }],
  ['nothing is replaced', { conflict: 'fail' }],
  ['files get the first free name', { conflict: 'rename' }],
  ['done-files are moved', { selection: { doneFile } }],
];

describe.each(table)('whichever step a run dies at, and %s', (_, change) => {
  it('each file is delivered exactly once', async () => {
    let step = 1;
    for (; ; step++) {
      const { write, run, openJournal, attempt, crashAt, target } = anExchange(change);
      for (const name of ['a', 'b']) write(name, `of ${name}`, start - HOUR);
      for (const name of ['a.done', 'b.done']) if (change.selection?.doneFile) write(name, 'done');
      const journal = openJournal();
      const crash = crashAt(journal, step);
      await attempt(journal).catch((error: unknown) => expect(error, `step ${step}`).toBeInstanceOf(Crashed));
      crashAt(journal);
      if (!crash?.happened) break;
      write('c', 'of c', start - HOUR);
      if (change.selection?.doneFile) write('c.done', 'done');
      await run();
      await attempt(journal);
      await run();
      const files = ['a of a', 'b of b', 'c of c'];
      const done = change.selection?.doneFile ? ['a.done done', 'b.done done', 'c.done done'] : [];
      expect([...target.arrived].sort(), `step ${step}`).toEqual([...files, ...done].sort());
    }
    expect(step).toBeGreaterThan(30);
  }, 60_000);

  it('nothing is delivered again that was only touched', async () => {
    let step = 1;
    for (; ; step++) {
      const { write, run, openJournal, attempt, crashAt, target, ours, ledger } = anExchange(change);
      const writeAt = (time: number) => {
        write('a', 'first', time);
        if (change.selection?.doneFile) write('a.done', 'done', time);
      };
      writeAt(start - 3 * HOUR);
      const arrived = await run();
      writeAt(start - 2 * HOUR);
      const journal = openJournal();
      const crash = crashAt(journal, step);
      await attempt(journal).catch((error: unknown) => expect(error, `step ${step}`).toBeInstanceOf(Crashed));
      crashAt(journal);
      if (!crash?.happened) break;
      await attempt(journal);
      await run();
      expect(target.arrived, `step ${step}`).toEqual(arrived);
      expect(ours.paths(), `step ${step}`).toEqual(arrived.map((line) => `out/${line.split(' ')[0]}`));
      expect(ledger.entries.get('in/a')?.modifiedAt, `step ${step}`).toEqual(new Date(start - 2 * HOUR));
    }
    expect(step).toBeGreaterThan(10);
  }, 60_000);
});
