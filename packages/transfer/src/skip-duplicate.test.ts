import { openMemoryEndpoint } from '@waybill/storage';
import { describe, expect, it } from 'vitest';
import { type RunTransferInput, runTransfer } from './run-transfer.js';
import { Crash, Crashed, CrashingEndpoint } from './testing/crash.js';
import { MemoryContents } from './testing/memory-contents.js';
import { MemoryJournal } from './testing/memory-journal.js';
import { MemoryLedger } from './testing/memory-ledger.js';
import { salting } from './testing/salted.js';
import { aDefinition, type DefinitionChange, seededAt, slowClock } from './testing/world.js';

const skip = { withinDays: 7, action: 'skip' } as const;
const hold = { withinDays: 7, action: 'hold' } as const;

/** Two transfers from places of their own to one partner. */
function aPartner(change: DefinitionChange = { duplicates: skip }) {
  const contents = new MemoryContents();
  const theirs = openMemoryEndpoint({ label: 'memory://theirs/' });
  const target = new CrashingEndpoint(theirs);
  const aTransfer = (files: Record<string, string>, more: DefinitionChange = {}) => {
    const ours = openMemoryEndpoint({ label: 'memory://ours/' });
    for (const [name, content] of Object.entries(files)) ours.seed(`in/${name}`, content, seededAt);
    const source = new CrashingEndpoint(ours);
    const definition = aDefinition({ ...change, ...more });
    const ledger = new MemoryLedger();
    const openJournal = () => new MemoryJournal(ledger, contents);
    const attempt = (journal: MemoryJournal, input: Partial<RunTransferInput> = {}) =>
      runTransfer({
        ...{ definition, source, target, journal, ledger: ledger.of(journal) },
        ...{ lastAttempt: false, now: slowClock(), signal: new AbortController().signal, ...input },
      });
    return { ours, source, openJournal, attempt, run: () => attempt(openJournal()) };
  };
  const arrived = () => theirs.paths().map((path) => `${path} ${theirs.content(path)}`);
  return { theirs, target, arrived, aTransfer };
}

describe('content that the partner was sent before', () => {
  it('is skipped under another name, from another transfer; other content is not', async () => {
    const { aTransfer, arrived } = aPartner();
    await aTransfer({ a: 'same' }).run();
    const second = aTransfer({ b: 'same', c: 'other' }, { disposition: { kind: 'delete' } });
    const journal = second.openJournal();
    expect(await second.attempt(journal)).toMatchObject({ state: 'succeeded', delivered: 1, skipped: 1 });
    expect(arrived()).toEqual(['out/a same', 'out/c other']);
    expect(second.ours.paths()).toEqual(['in/b']);
    expect(journal.record('in/b').reason).toMatch(
      /^run \S+ of transfer another delivered the same content, from in\/a to out\/a at .*; duplicates within 7 days are skipped$/,
    );
  });

  it('is delivered where nothing is said, and what two files of a run share once', async () => {
    const { aTransfer, arrived } = aPartner();
    await aTransfer({ a: 'same', b: 'same' }).run();
    expect(arrived()).toEqual(['out/a same']);
    await aTransfer({ c: 'same' }, { duplicates: undefined }).run();
    expect(arrived()).toEqual(['out/a same', 'out/c same']);
  });

  it('is told by what was read, whatever transforms make of it', async () => {
    const transforms = [{ kind: 'openpgp-encrypt', recipients: ['acme'] }] as const;
    const { aTransfer, theirs } = aPartner({ duplicates: skip, transforms });
    const [first, second] = [aTransfer({ a: 'same' }), aTransfer({ b: 'same' })];
    const openTransforms = salting();
    await first.attempt(first.openJournal(), { openTransforms });
    expect(await second.attempt(second.openJournal(), { openTransforms })).toMatchObject({ skipped: 1 });
    expect(theirs.paths()).toEqual(['out/a.pgp']);
  });

  it('says nothing of empty files and of done-files', async () => {
    const doneFile = { name: '{name}.ok', afterwards: 'move' } as const;
    const { aTransfer, theirs } = aPartner({ duplicates: skip, include: ['*.csv'], selection: { doneFile } });
    await aTransfer({ 'a.csv': 'a', 'a.csv.ok': 'done', 'b.csv': 'b', 'b.csv.ok': 'done' }).run();
    await aTransfer({ 'c.csv': '', 'c.csv.ok': '', 'd.csv': '', 'd.csv.ok': '' }).run();
    expect(theirs.paths()).toHaveLength(8);
  });

  it('is skipped as seen where the ledger knows it', async () => {
    const { aTransfer } = aPartner({ duplicates: hold });
    const { ours, run, attempt, openJournal } = aTransfer(
      { a: 'same' },
      { selection: { settleMs: 0, onlyNew: true } },
    );
    await run();
    ours.seed('in/a', 'same', new Date(seededAt.getTime() + 1));
    const journal = openJournal();
    expect(await attempt(journal)).toMatchObject({ state: 'succeeded', skipped: 1 });
    expect(journal.record('in/a').reason).toMatch(/from this path/);
  });
});

describe('where a person decides', () => {
  it('holds the run, delivers its other files, and what it held back once the run is retried', async () => {
    const { aTransfer, arrived } = aPartner({ duplicates: hold });
    await aTransfer({ a: 'same' }).run();
    const second = aTransfer({ b: 'same', c: 'other' });
    const journal = second.openJournal();
    await expect(second.attempt(journal)).rejects.toMatchObject({
      code: 'duplicate-content',
      message: expect.stringMatching(
        /^in\/b at memory:\/\/ours\/ was not delivered: run .* from in\/a to out\/a at /,
      ),
    });
    expect(journal.record('in/b')).toMatchObject({ state: 'failed', failure: { code: 'duplicate-content' } });
    expect(arrived()).toEqual(['out/a same', 'out/c other']);
    await expect(second.attempt(journal)).rejects.toMatchObject({ code: 'duplicate-content' });
    journal.rewrite('in/b', { state: 'selected', duplicateAllowed: true });
    expect(await second.attempt(journal)).toMatchObject({ state: 'succeeded', delivered: 2 });
    expect(arrived()).toEqual(['out/a same', 'out/b same', 'out/c other']);
  });

  it('holds a whole set back, before the first of its files gets its name', async () => {
    const { aTransfer, arrived } = aPartner({ duplicates: hold });
    await aTransfer({ a: 'same' }).run();
    const { attempt, openJournal } = aTransfer({ b: 'other', c: 'same', d: 'more' }, { set: {} });
    const journal = openJournal();
    await expect(attempt(journal)).rejects.toMatchObject({ code: 'duplicate-content' });
    expect(arrived().filter((file) => /^out\/[bcd] /.test(file))).toEqual([]);
    journal.rewrite('in/c', { state: 'selected', duplicateAllowed: true });
    expect(await attempt(journal)).toMatchObject({ state: 'succeeded', delivered: 3 });
    expect(arrived()).toEqual(['out/a same', 'out/b other', 'out/c same', 'out/d more']);
  });
});

describe.each(['skip', 'hold'] as const)('two runs at the same time (%s)', (action) => {
  /** The one dies at the step; the other one runs to its end meanwhile; then the first one is taken up again. */
  async function oneDiesAt(step: number) {
    const { aTransfer, target, arrived, theirs } = aPartner({ duplicates: { withinDays: 7, action } });
    const [one, other] = [aTransfer({ a: 'same' }), aTransfer({ b: 'same' })];
    const [first, second] = [one.openJournal(), other.openJournal()];
    const crash = new Crash(step);
    for (const part of [one.source, target, first]) part.crash = crash;
    const orHeld = (error: unknown) => expect(error).toMatchObject({ code: 'duplicate-content' });
    await one.attempt(first).catch((error: unknown) => expect(error).toBeInstanceOf(Crashed));
    for (const part of [one.source, target, first]) part.crash = undefined;
    await other.attempt(second).catch(orHeld);
    await one.attempt(first).catch(orHeld);
    return { crash, arrived, theirs, first, second };
  }

  it('deliver it once, wherever one of them dies, and leave nothing over', async () => {
    const winners = new Set<string>();
    let step = 1;
    for (; ; step++) {
      const { crash, arrived, first, second } = await oneDiesAt(step);
      const delivered = first.record('in/a').state === 'delivered' ? 'a' : 'b';
      winners.add(delivered);
      const states = { skip: 'skipped', hold: 'failed' };
      expect(arrived(), `step ${step}`).toEqual([`out/${delivered} same`]);
      const loser = delivered === 'a' ? second.record('in/b') : first.record('in/a');
      expect(loser.state, `step ${step}`).toBe(states[action]);
      if (!crash.happened) break;
    }
    expect(step).toBeGreaterThan(20);
    expect(winners).toEqual(new Set(['a', 'b']));
  });
});
