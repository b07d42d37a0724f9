import { type Id, newId, type RemotePath } from '@waybill/domain';
import type { SeenFile } from '@waybill/domain/selection';
import type { Ledger } from '../ledger.js';
import type { MemoryJournal, MemoryRecord } from './memory-journal.js';

const unfinished: readonly string[] = ['selected', 'moving', 'unknown'];

/** A ledger in memory. The journals of a transfer's runs enter what they call delivered, as the database does. */
export class MemoryLedger {
  readonly entries = new Map<string, SeenFile>();
  /** Of runs that are not known to be over. */
  readonly journals: MemoryJournal[] = [];
  readonly #runId = newId();

  /** As the run with this journal sees it. */
  of(journal: MemoryJournal): Ledger {
    return {
      delivered: async (paths) => pick(paths, (path) => this.entries.get(path)),
      underWay: async (paths) => {
        const others = this.journals.filter((other) => other !== journal);
        const records = others.flatMap(({ records }) => [...records.values()]);
        const taken = new Set(
          records.filter(({ state }) => unfinished.includes(state)).map(({ sourcePath }) => sourcePath),
        );
        return pick(paths, (path): Id | undefined => (taken.has(path) ? this.#runId : undefined));
      },
    };
  }

  /** A run that is over has nothing under way, whatever it has left. */
  isOver(journal: MemoryJournal): void {
    const at = this.journals.indexOf(journal);
    if (at >= 0) this.journals.splice(at, 1);
  }

  enter({ sourcePath, size, sourceModifiedAt, steady }: MemoryRecord, sha256: string): void {
    if (!sourceModifiedAt) return;
    const entry = { size, modifiedAt: sourceModifiedAt, steady, sha256 };
    this.entries.set(sourcePath, { ...entry, runId: this.#runId, deliveredAt: new Date() });
  }

  touch({ sourcePath, sourceModifiedAt, steady }: MemoryRecord): void {
    const entry = this.entries.get(sourcePath);
    if (entry && sourceModifiedAt)
      this.entries.set(sourcePath, { ...entry, modifiedAt: sourceModifiedAt, steady });
  }
}

function pick<T>(
  paths: readonly RemotePath[],
  find: (path: RemotePath) => T | undefined,
): Map<RemotePath, T> {
  const found = new Map<RemotePath, T>();
  for (const path of paths) {
    const value = find(path);
    if (value !== undefined) found.set(path, value);
  }
  return found;
}
