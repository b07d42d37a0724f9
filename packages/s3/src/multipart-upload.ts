import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  type CreateMultipartUploadCommandInput,
} from '@aws-sdk/client-s3';
import { StorageError } from '@waybill/storage';
import { type Bucket, isMissingKey } from './bucket.js';
import { CLEANUP_MS } from './options.js';

/** How one multipart upload is begun and finished. */
export interface UploadPlan {
  readonly doing: string;
  readonly key: string;
  readonly signal: AbortSignal;
  /** Beside bucket and key. */
  readonly create?: Partial<CreateMultipartUploadCommandInput>;
  /** Refused with HTTP 412 if there is an object of this key by then, where the server knows how. */
  readonly ifNoneMatch?: '*' | undefined;
}

/** An upload that has begun: what a request for one of its parts has to name. */
export interface Upload {
  readonly id: string;
  /** Aborted when any part fails, or the caller's signal is: the others stop then. */
  readonly signal: AbortSignal;
  /**
   * Starts sending one part, once fewer than `most` are on their way. Resolves when it was started; rejects if an
   * earlier one has failed.
   */
  send(most: number, part: () => Promise<CompletedPart>): Promise<void>;
}

/**
 * Makes an object out of parts. It appears when all are there, in one step; what fails leaves nothing behind, neither
 * the object nor parts that somebody pays for. A server that is gone by then keeps the parts: have the bucket remove
 * incomplete uploads by a lifecycle rule.
 */
export async function multipartUpload(
  bucket: Bucket,
  plan: UploadPlan,
  sendParts: (upload: Upload) => Promise<void>,
): Promise<void> {
  const { key, doing, signal } = plan;
  const id = await begin(bucket, plan);
  const stop = new AbortController();
  const abort = () => stop.abort(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  const parts: CompletedPart[] = [];
  const inFlight = new Set<Promise<unknown>>();
  try {
    await sendParts({
      id,
      signal: stop.signal,
      send: async (most, part) => {
        while (inFlight.size >= most) await Promise.race(inFlight);
        stop.signal.throwIfAborted();
        const sending = part()
          .then((done) => void parts.push(done))
          .catch((error) => stop.abort(error))
          .finally(() => inFlight.delete(sending));
        inFlight.add(sending);
      },
    });
    await Promise.all(inFlight);
    stop.signal.throwIfAborted();
    const command = new CompleteMultipartUploadCommand({
      Bucket: bucket.name,
      Key: key,
      UploadId: id,
      IfNoneMatch: plan.ifNoneMatch,
      MultipartUpload: { Parts: parts.sort((a, b) => (a.PartNumber ?? 0) - (b.PartNumber ?? 0)) },
    });
    await bucket.ask({ doing, key, signal }, (options) => bucket.client.send(command, options));
  } catch (error) {
    // Those under way first: a part that arrives after the abort would stay.
    stop.abort(error);
    const aborted = bucket.cleanUp(async () => {
      await Promise.all(inFlight);
      await abortUpload(bucket, key, id);
    });
    // Whoever cancels does not wait; closing the endpoint does.
    if (!signal.aborted) await aborted;
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

async function begin(bucket: Bucket, { key, doing, signal, create }: UploadPlan): Promise<string> {
  const command = new CreateMultipartUploadCommand({ ...create, Bucket: bucket.name, Key: key });
  const { UploadId: id } = await bucket.ask({ doing, key, signal }, (options) =>
    bucket.client.send(command, options),
  );
  if (id === undefined)
    throw new StorageError(
      'protocol-error',
      `${bucket.where} began an upload of ${key} without giving it an id`,
    );
  return id;
}

async function abortUpload(bucket: Bucket, key: string, id: string): Promise<void> {
  const about = { doing: 'abort the upload of', key, signal: AbortSignal.timeout(CLEANUP_MS) };
  const command = new AbortMultipartUploadCommand({ Bucket: bucket.name, Key: key, UploadId: id });
  try {
    await bucket.ask(about, (options) => bucket.client.send(command, options));
  } catch (error) {
    // It was completed, although the answer did not arrive.
    if (!isMissingKey(error)) throw error;
  }
}
