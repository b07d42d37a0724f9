/** Records that are written beside the transfer. Disposed of, it waits for all of them. */
export interface PendingRecords extends AsyncDisposable {
  /** A record that can't be written is told of, and fails nothing. */
  add(writing: Promise<void>, onError: (error: unknown) => void): void;
}

/** Makes what is learned on the way a part of the attempt: a worker that stops does not cut it short. */
export function pendingRecords(): PendingRecords {
  const pending = new Set<Promise<void>>();
  return {
    add(writing, onError) {
      const written = writing.catch(onError).finally(() => pending.delete(written));
      pending.add(written);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(pending);
    },
  };
}
