import { type Id, newId } from '@waybill/domain';
import type { Twin } from '../run-journal.js';

interface Holder {
  readonly id: Id;
  readonly twin: Twin;
}

/** What a partner was sent, and is about to be, by the runs of all transfers. */
export class MemoryContents {
  readonly #delivered = new Map<string, Holder>();
  readonly #reserved = new Map<string, Holder>();
  readonly #runId = newId();

  /** As the journal's `reserveContent` says it. */
  reserve(record: { id: Id; sourcePath: string; targetPath: string }, sha256: string): Twin | undefined {
    const holder = [this.#delivered, this.#reserved].map((held) => held.get(sha256)).find((each) => each);
    if (holder && holder.id !== record.id) return holder.twin;
    const { id, sourcePath, targetPath } = record;
    const twin = { runId: this.#runId, transferName: 'another', sourcePath, targetPath };
    this.#reserved.set(sha256, { id, twin });
    return undefined;
  }

  enter(record: { id: Id; sourcePath: string; targetPath: string }, sha256: string): void {
    const { id, sourcePath, targetPath } = record;
    const deliveredAt = new Date();
    const twin = { runId: this.#runId, transferName: 'another', sourcePath, targetPath, deliveredAt };
    this.release(id);
    this.#delivered.set(sha256, { id, twin });
  }

  release(id: Id): void {
    for (const [sha256, holder] of this.#reserved) if (holder.id === id) this.#reserved.delete(sha256);
  }
}
