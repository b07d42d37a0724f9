import type { Readable } from 'node:stream';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { printableName } from '@waybill/domain';
import { StorageError, untilAborted } from '@waybill/storage';
import type { Bucket } from './bucket.js';
import { answerOf, requestFailed, statusOf } from './errors.js';

interface Plan {
  readonly key: string;
  /** First byte to read. */
  readonly start: number;
  readonly signal: AbortSignal;
}

/**
 * Yields the bytes of an object as it was when reading began: one that is replaced meanwhile does no harm. The deadline
 * counts only while the server is waited for, so that whoever reads may be slow.
 */
export async function* readObject(bucket: Bucket, plan: Plan): AsyncGenerator<Uint8Array> {
  const { key, start, signal } = plan;
  await using wait = new Wait(bucket, key, signal);
  const command = new GetObjectCommand({
    Bucket: bucket.name,
    Key: key,
    ...(start > 0 && { Range: `bytes=${start}-` }),
  });
  const answer = await wait
    .until((abortSignal) => bucket.reader.send(command, { abortSignal }))
    .catch((error: unknown) => {
      if (isBeyondEnd(error)) return undefined;
      throw error;
    });
  if (!answer) return;
  if (start > 0 && statusOf(answer) === 200)
    throw new StorageError(
      'unsupported',
      `${bucket.where} reads ${printableName(key)} only from its beginning, not from byte ${start}`,
    );
  const body = answer.Body as Readable;
  const chunks = body.iterator({ destroyOnReturn: true }) as AsyncIterator<Uint8Array>;
  let left = answer.ContentLength ?? Number.NaN;
  try {
    for (;;) {
      const { done, value } = await wait.until(() => chunks.next());
      if (done) break;
      left -= value.length;
      yield value;
    }
  } finally {
    body.destroy();
  }
  if (left > 0)
    throw new StorageError(
      'connection-lost',
      `${bucket.where} sent ${printableName(key)} but for its last ${left} bytes`,
    );
}

function isBeyondEnd(error: unknown): boolean {
  return (
    error instanceof StorageError &&
    (statusOf(error.cause) === 416 || answerOf(error.cause) === 'InvalidRange')
  );
}

/** Waits for the server, each time no longer than the deadline. */
class Wait implements AsyncDisposable {
  readonly #bucket: Bucket;
  readonly #key: string;
  readonly #signal: AbortSignal;
  readonly #stop = new AbortController();
  readonly #abort = () => this.#stop.abort(this.#signal.reason);

  constructor(bucket: Bucket, key: string, signal: AbortSignal) {
    this.#bucket = bucket;
    this.#key = key;
    this.#signal = signal;
    signal.throwIfAborted();
    signal.addEventListener('abort', this.#abort, { once: true });
  }

  /** @throws StorageError, or the signal's reason */
  async until<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { where, operationTimeoutMs: ms } = this.#bucket;
    const silent = () =>
      this.#stop.abort(
        new StorageError(
          'timed-out',
          `${where} sent nothing of ${printableName(this.#key)} for ${ms} ms; raise the deadline of the endpoint if it is only slow`,
        ),
      );
    const timer = setTimeout(silent, ms);
    const { signal } = this.#stop;
    try {
      return await untilAborted(work(signal), signal);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw requestFailed(error, { doing: 'read', key: this.#key, where }, new Date());
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal.removeEventListener('abort', this.#abort);
  }
}
