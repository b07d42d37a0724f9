import { parsePath } from '@waybill/domain';
import { StorageError } from '@waybill/storage';
import { type FaultEffect, faulty } from '@waybill/storage/faulty';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Crashed } from './testing/crash.js';
import { anExchange, type PartnersClock, start } from './testing/exchange.js';
import type { MemoryJournal } from './testing/memory-journal.js';

const HOUR = 3_600_000;
const names = ['a', 'b', 'c'];
const connectionLost: FaultEffect = {
  kind: 'fails',
  error: new StorageError('connection-lost', 'the cable was pulled'),
};

const name = fc.constantFrom(...names);
/** Most are of one size: only times and content can tell them apart. */
const content = fc.constantFrom('one', 'two', 'six', 'twenty');
const writing = fc.record({ kind: fc.constant('write' as const), name, content, old: fc.boolean() });
const touching = fc.record({
  kind: fc.constant('touch' as const),
  name,
  ms: fc.integer({ min: 1, max: 99 }),
});
const failing = fc.record({
  kind: fc.constant('fail' as const),
  side: fc.constantFrom('source' as const, 'target' as const),
  on: fc.constantFrom('list', 'stat', 'read', 'put', 'move', 'remove', 'makeDirectory' as const),
  call: fc.integer({ min: 1, max: 5 }),
  effect: fc.constantFrom<FaultEffect>(
    connectionLost,
    { kind: 'loses-reply' },
    { kind: 'loses-connection', afterBytes: 2 },
  ),
  retried: fc.boolean(),
});
const happening = fc.oneof(
  { weight: 5, arbitrary: writing },
  { weight: 2, arbitrary: touching },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('vanish' as const), name }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('jump' as const), hours: fc.constantFrom(-1, 1) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('forget' as const), name }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('run' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('crash' as const), step: fc.integer({ min: 1, max: 60 }) }),
  },
  { weight: 3, arbitrary: failing },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('retry' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('give up' as const) }) },
);
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;
type Failing = Extract<Happening, { kind: 'fail' }>;

/** An exchange to which things happen. After each of them nothing may have arrived that had arrived before. */
class History {
  readonly #exchange;
  /** What is there, by the times that it was given. */
  readonly #given = new Map<string, number>();
  /** What arrived last under each name, unless it was forgotten since. */
  readonly #last = new Map<string, string>();
  #told = 0;
  #oldest = start - 100 * HOUR;
  /** Of a run that has begun and is not over. */
  #open: MemoryJournal | undefined;

  constructor(clock: Required<PartnersClock>) {
    this.#exchange = anExchange({}, clock);
  }

  async happens(what: Happening, afterMs: number): Promise<void> {
    const now = this.#exchange.clock.pass(afterMs);
    if (what.kind === 'write') this.#write(what.name, what.content, what.old ? this.#older(afterMs) : now);
    if (what.kind === 'touch') this.#touch(what.name, this.#older(what.ms));
    if (what.kind === 'vanish') await this.#vanish(what.name);
    if (what.kind === 'jump')
      for (const [name, time] of this.#given) this.#touch(name, time + what.hours * HOUR);
    if (what.kind === 'run') await this.run();
    if (what.kind === 'retry') await this.retry();
    if (what.kind === 'give up') this.#giveUp();
    if (this.#open) return;
    if (what.kind === 'forget') this.#forget(what.name);
    if (what.kind === 'crash') await this.#crash(what.step);
    if (what.kind === 'fail') await this.#fail(what);
  }

  /** A run that nothing happens to. What no other run is at, has arrived then. */
  async run(): Promise<string[]> {
    const arrived = await this.#exchange.run();
    this.#take();
    if (!this.#open) expect(this.#last).toEqual(new Map([...this.#last, ...this.#there()]));
    return arrived;
  }

  async retry(): Promise<void> {
    const journal = this.#open;
    if (!journal) return;
    // It fails if its only file has changed or vanished: that is the next run's.
    await this.#exchange.attempt(journal).catch(expectCode('source-changed', 'not-found'));
    this.#isOver(journal);
    this.#take();
  }

  /** The next arrivals: none of them is what has arrived under its name last. */
  #take(): void {
    const { arrived } = this.#exchange.target;
    for (const line of arrived.slice(this.#told)) {
      const [name = '', content] = line.split(' ');
      expect(this.#last.get(name), `${line}: once more`).not.toBe(content);
      this.#last.set(name, content ?? '');
    }
    this.#told = arrived.length;
  }

  #there(): [string, string][] {
    return [...this.#given.keys()].map((name) => [name, this.#content(name)]);
  }

  #content(name: string): string {
    return this.#exchange.partner.content(`in/${name}`)?.toString() ?? expect.unreachable(name);
  }

  /** A time that no file was given before, out of the past. */
  #older(ms: number): number {
    this.#oldest -= 60_000 + ms;
    return this.#oldest;
  }

  #write(name: string, content: string, time: number): void {
    this.#given.set(name, time);
    this.#exchange.write(name, content, time);
  }

  #touch(name: string, time: number): void {
    if (this.#given.has(name)) this.#write(name, this.#content(name), time);
  }

  async #vanish(name: string): Promise<void> {
    if (!this.#given.delete(name)) return;
    await this.#exchange.partner.remove(parsePath(`in/${name}`), { signal: new AbortController().signal });
  }

  #forget(name: string): void {
    this.#last.delete(name);
    this.#exchange.ledger.entries.delete(`in/${name}`);
  }

  async #crash(step: number): Promise<void> {
    const journal = this.#exchange.openJournal();
    const crash = this.#exchange.crashAt(journal, step);
    await this.#exchange.attempt(journal).catch((error) => expect(error).toBeInstanceOf(Crashed));
    this.#exchange.crashAt(journal);
    if (crash?.happened) this.#open = journal;
    this.#take();
  }

  async #fail({ side, retried, ...fault }: Failing): Promise<void> {
    const journal = this.#exchange.openJournal();
    this.#open = journal;
    const broken = faulty(this.#exchange[side], [fault]);
    const ended = this.#exchange.attempt(journal, { [side]: broken, lastAttempt: !retried });
    const failed = await ended.then(() => false, expectCode('connection-lost'));
    if (!failed || !retried) this.#isOver(journal);
    this.#take();
  }

  /** Unless it has asked for a rename and has not heard what became of it: only this run can tell. */
  #giveUp(): void {
    const journal = this.#open;
    const records = [...(journal?.records.values() ?? [])];
    if (journal && !records.some(({ state, committing }) => state === 'moving' && committing))
      this.#isOver(journal);
  }

  #isOver(journal: MemoryJournal): void {
    this.#exchange.ledger.isOver(journal);
    this.#open = undefined;
  }
}

function expectCode(...codes: string[]) {
  return (error: unknown): true => {
    expect(error).toBeInstanceOf(StorageError);
    expect(codes).toContain((error as StorageError).code);
    return true;
  };
}

it('whatever happens to the files, to the runs and between them, each content of a path is delivered exactly once', async () => {
  const clock = fc.record({
    stepMs: fc.constantFrom(1, 1_000, 60_000),
    offsetMs: fc.constantFrom(0, undefined),
  });
  const happenings = fc.array(fc.tuple(happening, fc.integer({ min: 1, max: 7_000 })), {
    maxLength: 40,
    size: 'max',
  });
  await fc.assert(
    fc.asyncProperty(clock, happenings, async (partners, all) => {
      const history = new History(partners);
      for (const [what, afterMs] of all) await history.happens(what, afterMs);
      await history.retry();
      await history.run();
      expect(await history.run()).toEqual([]);
    }),
    { numRuns: 300 },
  );
}, 60_000);
