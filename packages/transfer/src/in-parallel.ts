/**
 * Takes the items in order, up to `lanes` at once. The first task that throws aborts `stop` with its error; the others
 * are waited for, then that error is thrown.
 */
export async function inParallel<T>(
  items: readonly T[],
  lanes: number,
  stop: AbortController,
  task: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items.values();
  const lane = async () => {
    for (const item of rest) {
      if (stop.signal.aborted) return;
      await task(item);
    }
  };
  await Promise.all(Array.from({ length: lanes }, () => lane().catch((error: unknown) => stop.abort(error))));
  stop.signal.throwIfAborted();
}
