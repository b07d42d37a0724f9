import type { Id, RemotePath, TransferDefinition } from '@waybill/domain';
import { type Look, looksAsSeen, type SeenFile, whySeen } from '@waybill/domain/selection';

/**
 * What a transfer has delivered, by source path. The journal enters a file in the step that calls it delivered, so that
 * nothing else ever is in it, and no delivery is missing.
 */
export interface Ledger {
  /** What was delivered last from each of the paths, where anything was. */
  delivered(paths: readonly RemotePath[]): Promise<ReadonlyMap<RemotePath, SeenFile>>;
  /**
   * Which of the paths another run of the transfer has selected and not brought to an end: it goes on with them, or a
   * person has to say what became of them.
   */
  underWay(paths: readonly RemotePath[]): Promise<ReadonlyMap<RemotePath, Id>>;
}

/** What was recalled of some files. */
export interface SeenFiles {
  /** Why a file as it looks is not to be taken; `undefined` if it is new, or its content has to tell. */
  why(path: RemotePath, look: Omit<Look, 'at'>): string | undefined;
  /** The delivery that may have been the same content: that one had as many bytes. */
  perhaps(path: RemotePath, size: number): SeenFile | undefined;
  /** Has another run delivered the file as it looks, or is it about to? */
  isElsewhere(path: RemotePath, look: Omit<Look, 'at'>): boolean;
}

const nothingSeen: SeenFiles = {
  why: () => undefined,
  perhaps: () => undefined,
  isElsewhere: () => false,
};

/** Paths that are asked for at once. */
const BATCH = 10_000;

/** Looks up what the transfer has done with the files before. Where the rules take every file, nothing is asked. */
export async function recall(
  ledger: Ledger | undefined,
  { source }: TransferDefinition,
  paths: readonly RemotePath[],
): Promise<SeenFiles> {
  if (!ledger || !source.selection?.onlyNew) return nothingSeen;
  const delivered = new Map<RemotePath, SeenFile>();
  const underWay = new Map<RemotePath, Id>();
  for (let at = 0; at < paths.length; at += BATCH) {
    const batch = paths.slice(at, at + BATCH);
    for (const [path, file] of await ledger.delivered(batch)) delivered.set(path, file);
    for (const [path, runId] of await ledger.underWay(batch)) underWay.set(path, runId);
  }
  return {
    why(path, look) {
      const runId = underWay.get(path);
      if (runId !== undefined) return `run ${runId} has selected it, and is not over`;
      const before = delivered.get(path);
      return before && whySeen(before, look);
    },
    perhaps(path, size) {
      const before = delivered.get(path);
      return before?.size === size ? before : undefined;
    },
    isElsewhere(path, look) {
      const before = delivered.get(path);
      return underWay.has(path) || (before !== undefined && looksAsSeen(before, look));
    },
  };
}
