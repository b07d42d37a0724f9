import { createHash } from 'node:crypto';
import { type CompletedPart, PutObjectCommand, UploadPartCommand } from '@aws-sdk/client-s3';
import { printableName } from '@waybill/domain';
import { StorageError, takeUntilAborted } from '@waybill/storage';
import type { Bucket } from './bucket.js';
import { multipartUpload, type Upload } from './multipart-upload.js';
import { PARTS_IN_FLIGHT } from './options.js';
import { inParts, MAX_OBJECT_BYTES, MAX_PARTS, type Part, partBytes } from './part-bytes.js';

interface Plan {
  readonly key: string;
  readonly signal: AbortSignal;
  readonly onProgress: (acknowledgedBytes: number) => void;
}

const CONTENT_TYPE = 'application/octet-stream';

/**
 * Makes an object of `body`, in the place of one that may be there: a small body in one request, a large one in parts.
 * Nothing is to be seen of it before it is whole. The server verifies the SHA-256 of each request.
 * @returns how many bytes were sent
 */
export async function putObject(
  bucket: Bucket,
  body: AsyncIterable<Uint8Array>,
  plan: Plan,
): Promise<number> {
  const { key, signal } = plan;
  const parts = inParts(takeUntilAborted(body, signal));
  const { value: first } = await parts.next();
  if (!first) throw new Error('a body has at least one part');
  if (first.bytes.length < partBytes(1)) {
    await putWhole(bucket, first.bytes, plan);
    plan.onProgress(first.bytes.length);
    return first.bytes.length;
  }
  let sent = 0;
  try {
    const create = { ContentType: CONTENT_TYPE, ChecksumAlgorithm: 'SHA256' } as const;
    await multipartUpload(bucket, { doing: 'put', key, signal, create }, async (upload) => {
      sent = await sendAll(bucket, plan, upload, first, parts);
    });
  } finally {
    // Where the upload failed, nobody takes the rest of the body. A body that hangs answers only later, or never.
    void parts.return(undefined).catch(() => {});
  }
  return sent;
}

/** @returns how many bytes were sent */
async function sendAll(
  bucket: Bucket,
  { key, onProgress }: Plan,
  upload: Upload,
  first: Part,
  rest: AsyncIterable<Part>,
): Promise<number> {
  const acknowledged = new Acknowledged(onProgress);
  let sent = 0;
  const send = (part: Part) => {
    sent += part.bytes.length;
    refuseTooLarge(key, part.number, sent);
    return upload.send(PARTS_IN_FLIGHT, async () => {
      const done = await uploadPart(bucket, key, upload, part);
      acknowledged.add(part.number, part.bytes.length);
      return done;
    });
  };
  await send(first);
  // A part that fails ends the wait for the next one.
  for await (const part of takeUntilAborted(rest, upload.signal)) await send(part);
  return sent;
}

async function putWhole(bucket: Bucket, bytes: Buffer, { key, signal }: Plan): Promise<void> {
  const sum = sha256(bytes);
  const command = new PutObjectCommand({
    Bucket: bucket.name,
    Key: key,
    Body: bytes,
    ContentType: CONTENT_TYPE,
    ChecksumSHA256: sum,
  });
  const { ChecksumSHA256: held } = await bucket.ask({ doing: 'put', key, signal }, (options) =>
    bucket.client.send(command, options),
  );
  refuseOtherSum(bucket, key, sum, held);
}

async function uploadPart(bucket: Bucket, key: string, upload: Upload, part: Part): Promise<CompletedPart> {
  const sum = sha256(part.bytes);
  const command = new UploadPartCommand({
    Bucket: bucket.name,
    Key: key,
    UploadId: upload.id,
    PartNumber: part.number,
    Body: part.bytes,
    ChecksumSHA256: sum,
  });
  const about = { doing: `put part ${part.number} of`, key, signal: upload.signal };
  const answer = await bucket.ask(about, (options) => bucket.client.send(command, options));
  refuseOtherSum(bucket, key, sum, answer.ChecksumSHA256);
  return {
    PartNumber: part.number,
    ETag: answer.ETag,
    // Servers that know no checksums refuse to read of one.
    ...(answer.ChecksumSHA256 !== undefined && { ChecksumSHA256: sum }),
  };
}

/** Adds up the parts from the first one on without a hole, in whatever order they arrive. */
class Acknowledged {
  readonly #tell: (bytes: number) => void;
  readonly #early = new Map<number, number>();
  #next = 1;
  #bytes = 0;

  constructor(tell: (bytes: number) => void) {
    this.#tell = tell;
  }

  add(number: number, bytes: number): void {
    this.#early.set(number, bytes);
    for (let size = this.#early.get(this.#next); size !== undefined; size = this.#early.get(this.#next)) {
      this.#early.delete(this.#next++);
      this.#bytes += size;
      this.#tell(this.#bytes);
    }
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64');
}

function refuseOtherSum(bucket: Bucket, key: string, sent: string, held: string | undefined): void {
  if (held === undefined || held === sent) return;
  throw new StorageError(
    'corrupted',
    `${bucket.where} says that it holds SHA-256 ${held} (base64) of ${printableName(key)}, but ${sent} was sent`,
  );
}

function refuseTooLarge(key: string, number: number, bytes: number): void {
  if (number <= MAX_PARTS && bytes <= MAX_OBJECT_BYTES) return;
  throw new StorageError(
    'unsupported',
    `${printableName(key)} is larger than the ${MAX_OBJECT_BYTES} bytes that an object can have`,
  );
}
