import { setMaxListeners } from 'node:events';

/**
 * Settles as `work` does, or rejects with the signal's reason as soon as it is aborted. `work` then goes on unobserved:
 * only for waits whose late end can do no harm.
 */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  // All operations of a run share one signal: many listeners are no leak, each is taken away again.
  setMaxListeners(0, signal);
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/** Yields what `body` yields, but waits for it only until the signal is aborted, and then throws its reason. */
export async function* takeUntilAborted<T>(body: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const iterator = body[Symbol.asyncIterator]();
  let finished = false;
  try {
    for (;;) {
      signal.throwIfAborted();
      const next = await untilAborted(iterator.next(), signal).catch((error: unknown) => {
        finished = !signal.aborted;
        throw error;
      });
      if (next.done) {
        finished = true;
        return;
      }
      yield next.value;
    }
  } finally {
    // Not awaited: a generator that hangs in `next` answers `return` only after it, which may be never.
    if (!finished) iterator.return?.().catch(() => {});
  }
}
