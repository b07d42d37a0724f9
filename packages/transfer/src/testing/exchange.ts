import { openMemoryEndpoint } from '@waybill/storage';
import { type RunTransferInput, runTransfer } from '../run-transfer.js';
import { Crash, CrashingEndpoint } from './crash.js';
import { MemoryJournal } from './memory-journal.js';
import { MemoryLedger } from './memory-ledger.js';
import { aDefinition, type DefinitionChange } from './world.js';

/** When an exchange begins: the night on which clocks are put forward. */
export const start = Date.parse('2026-03-29T00:30:00Z');

export interface PartnersClock {
  /** Steps in which it tells time. */
  readonly stepMs?: number;
  /** What is known of its offset to ours. */
  readonly offsetMs?: number | undefined;
}

/** Runs of one transfer that takes new files only, over time, from a partner's `in` to our `out`. */
export function anExchange(change: DefinitionChange = {}, { stepMs = 1, ...known }: PartnersClock = {}) {
  const partner = openMemoryEndpoint({ properties: { timePrecisionMs: stepMs } });
  // An inbox is there before its first file.
  partner.seed('in/.begun', '');
  const ours = openMemoryEndpoint();
  const source = new CrashingEndpoint(partner);
  const target = new Arrivals(ours);
  const ledger = new MemoryLedger();
  const selection = { settleMs: 0, ...change.selection, onlyNew: true };
  const definition = aDefinition({ ...change, selection });
  let at = start;
  const clock = { pass: (ms: number) => (at += ms), now: () => new Date(at) };
  /** @param time the step of the partner's clock that it is in is what the partner shows */
  const write = (name: string, content: string, time = at) =>
    partner.seed(`in/${name}`, content, new Date(time - (time % stepMs)));
  const openJournal = () => new MemoryJournal(ledger);
  const attempt = (journal: MemoryJournal, input: Partial<RunTransferInput> = {}) =>
    runTransfer({
      ...{ definition, source, target, journal, ledger: ledger.of(journal), lastAttempt: true },
      ...{ now: clock.now, sourceClockOffsetMs: 'offsetMs' in known ? known.offsetMs : 0 },
      signal: new AbortController().signal,
      ...input,
    });
  /** @param step left out: nothing crashes any more */
  const crashAt = (journal: MemoryJournal, step?: number) => {
    const crash = step === undefined ? undefined : new Crash(step);
    for (const part of [source, target, journal]) part.crash = crash;
    return crash;
  };
  /** @returns what arrived in a run of its own */
  const run = async (input: Partial<RunTransferInput> = {}) => {
    const before = target.arrived.length;
    await attempt(openJournal(), input);
    return target.arrived.slice(before);
  };
  return { partner, ours, source, target, ledger, clock, write, openJournal, attempt, crashAt, run };
}

/** A target that keeps what came under a final name, and in which order: `a its content`. */
class Arrivals extends CrashingEndpoint {
  readonly arrived: string[] = [];
  readonly #memory: ReturnType<typeof openMemoryEndpoint>;

  constructor(memory: ReturnType<typeof openMemoryEndpoint>) {
    super(memory);
    this.#memory = memory;
  }

  override async move(...[from, to, options]: Parameters<CrashingEndpoint['move']>): Promise<void> {
    const content = this.#memory.content(from)?.toString();
    const before = this.effects.length;
    try {
      await super.move(from, to, options);
    } finally {
      if (this.effects.length > before) this.arrived.push(`${to.slice('out/'.length)} ${content}`);
    }
  }
}
