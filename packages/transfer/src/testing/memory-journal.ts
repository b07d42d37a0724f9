import { type Failure, type Id, newId, type RemotePath, type SeenAnswer } from '@waybill/domain';
import {
  type Checkpoint,
  type DeliveryRecord,
  type PlacedPart,
  type RunJournal,
  type SelectedFile,
  sourceSha256Of,
  type Twin,
  type WholePart,
} from '../run-journal.js';
import type { Crash } from './crash.js';
import type { MemoryContents } from './memory-contents.js';
import type { MemoryLedger } from './memory-ledger.js';

export type MemoryRecord = DeliveryRecord & {
  readonly reason?: string;
  readonly proof?: WholePart;
  readonly steady: boolean;
};

/** A journal in memory, with the meaning that the database gives to each step; it refuses moves that no state allows. */
export class MemoryJournal implements RunJournal {
  readonly records = new Map<Id, MemoryRecord>();
  readonly #selected = new Set<string>();
  /** Every write, in order: `moving in/a 0`. */
  readonly steps: string[] = [];
  /** What the next write of this name throws, without taking effect. */
  readonly refusals = new Map<string, Error>();
  crash: Crash | undefined;
  readonly #ledger: MemoryLedger | undefined;
  readonly #contents: MemoryContents | undefined;

  /** @param ledger where what it calls delivered is entered, and so in `contents` */
  constructor(ledger?: MemoryLedger, contents?: MemoryContents) {
    this.#ledger = ledger;
    this.#contents = contents;
    ledger?.journals.push(this);
  }

  record(sourcePath: string): MemoryRecord {
    const found = [...this.records.values()].find((record) => record.sourcePath === sourcePath);
    if (!found) throw new Error(`no delivery of ${sourcePath}`);
    return found;
  }

  /** Changes a record as if another attempt had written it. */
  rewrite(sourcePath: string, change: Partial<MemoryRecord>): void {
    const record = this.record(sourcePath);
    this.records.set(record.id, { ...record, ...change });
  }

  async deliveries(): Promise<DeliveryRecord[]> {
    this.crash?.step();
    return [...this.records.values()];
  }

  select(files: readonly SelectedFile[]): Promise<void> {
    return this.#write('select', `select ${files.length}`, () => {
      for (const file of files) this.#add(file);
    });
  }

  reselect(id: Id, { size, sourceModifiedAt }: SelectedFile): Promise<void> {
    return this.#change('reselect', id, `${size}`, () => ({
      ...{
        size,
        sourceModifiedAt,
        steady: false,
        state: 'selected',
        checkpoint: undefined,
        committing: undefined,
      },
    }));
  }

  moving(
    id: Id,
    {
      partPath,
      targetPath,
      resumedFrom,
    }: { partPath: RemotePath; targetPath: RemotePath; resumedFrom: number },
  ): Promise<void> {
    return this.#change('moving', id, `${resumedFrom}`, ({ checkpoint }) => ({
      ...{ state: 'moving', partPath, targetPath, committing: undefined },
      checkpoint: resumedFrom === 0 ? undefined : checkpoint,
    }));
  }

  claimed(id: Id, claimed: boolean): Promise<void> {
    const from = ['selected', 'moving', 'failed', 'unknown', 'skipped'] as const;
    return this.#change('claimed', id, `${claimed}`, () => ({ claimed }), from);
  }

  checkpoint(id: Id, checkpoint: Checkpoint): Promise<void> {
    return this.#change('checkpoint', id, `${checkpoint.bytes}`, () => ({ checkpoint }));
  }

  async reserveContent(id: Id, { sha256 }: { sha256: string }): Promise<Twin | undefined> {
    const record = this.#recordOf(id);
    let twin: Twin | undefined;
    await this.#write('reserveContent', `reserveContent ${record.sourcePath}`, () => {
      twin = this.#contents?.reserve(record, sha256);
    });
    return twin;
  }

  committing(id: Id, placed: PlacedPart): Promise<void> {
    return this.#change('committing', id, placed.assurance, () => ({
      committing: placed,
      answersSeen: placed.answersSeen,
    }));
  }

  delivered(id: Id, { targetPath, ...proof }: PlacedPart): Promise<void> {
    return this.#change(
      'delivered',
      id,
      proof.assurance,
      () => ({
        ...{ state: 'delivered', claimed: false, targetPath, proof },
        ...{ sha256: proof.sha256, checksum: proof.checksum },
      }),
      undefined,
      (record) => {
        this.#ledger?.enter(record, sourceSha256Of(proof));
        this.#contents?.enter({ ...record, targetPath }, sourceSha256Of(proof));
      },
    );
  }

  claiming(): Promise<void> {
    return this.#write('claiming', 'claiming', () => {});
  }

  awaiting(id: Id, since: Date): Promise<void> {
    return this.#change('awaiting', id, '', ({ awaitedSince = since }) => ({ awaitedSince }), ['delivered']);
  }

  acknowledged(id: Id, answersSeen: readonly SeenAnswer[]): Promise<void> {
    const change = { acknowledgedAt: new Date(), answersSeen };
    return this.#change('acknowledged', id, '', () => change, ['delivered']);
  }

  unacknowledged(id: Id, failure: Failure, answersSeen: readonly SeenAnswer[]): Promise<void> {
    return this.#change('unacknowledged', id, '', () => ({ failure, answersSeen }), ['delivered']);
  }

  disposing(id: Id): Promise<void> {
    return this.#change('disposing', id, '', () => ({}), ['delivered']);
  }

  disposed(id: Id): Promise<void> {
    return this.#change('disposed', id, '', () => ({ disposed: true }), ['delivered']);
  }

  skipped(id: Id, reason: string): Promise<void> {
    return this.#change('skipped', id, '', () => ({ state: 'skipped', reason }));
  }

  skippedAsSeen(id: Id, reason: string): Promise<void> {
    return this.#change(
      'skippedAsSeen',
      id,
      '',
      () => ({ state: 'skipped', reason }),
      undefined,
      (record) => this.#ledger?.touch(record),
    );
  }

  failed(id: Id, failure: Failure, state: 'failed' | 'unknown'): Promise<void> {
    return this.#change('failed', id, `${state} ${failure.code}`, () => ({ state, failure }));
  }

  #add(file: SelectedFile): void {
    if (this.#selected.has(file.sourcePath)) return;
    this.#selected.add(file.sourcePath);
    const { sourcePath, targetPath, size, sourceModifiedAt, steady = false, failure } = file;
    const id = newId();
    this.records.set(id, {
      ...{ id, sourcePath, targetPath, size, sourceModifiedAt, steady, claimed: false, disposed: false },
      ...{ partPath: undefined, checkpoint: undefined, committing: undefined, sha256: undefined },
      ...(failure ? { state: 'failed', failure } : { state: 'selected' }),
    });
  }

  #change(
    name: string,
    id: Id,
    detail: string,
    change: (record: MemoryRecord) => Partial<MemoryRecord>,
    from: readonly DeliveryRecord['state'][] = ['selected', 'moving', 'failed', 'unknown'],
    inTheSameStep: (record: MemoryRecord) => void = () => {},
  ): Promise<void> {
    const record = this.#recordOf(id);
    return this.#write(name, `${name} ${record.sourcePath} ${detail}`.trim(), () => {
      const current = this.records.get(id) ?? record;
      if (!from.includes(current.state)) throw new Error(`${name} of a delivery that is ${current.state}`);
      const next = { ...current, ...change(current) };
      this.records.set(id, next);
      if (name === 'moving' || !['moving', 'unknown'].includes(next.state)) this.#contents?.release(id);
      inTheSameStep(current);
    });
  }

  #recordOf(id: Id): MemoryRecord {
    const record = this.records.get(id);
    if (!record) throw new Error(`no delivery ${id}`);
    return record;
  }

  async #write(name: string, step: string, effect: () => void): Promise<void> {
    this.crash?.step();
    const refusal = this.refusals.get(name);
    if (refusal) throw refusal;
    effect();
    this.steps.push(step);
    this.crash?.step();
  }
}
