import { type CompletedPart, CopyObjectCommand, UploadPartCopyCommand } from '@aws-sdk/client-s3';
import { printableName } from '@waybill/domain';
import type { Bucket, ObjectInfo } from './bucket.js';
import { copySource } from './keys.js';
import { multipartUpload, type Upload } from './multipart-upload.js';
import { COPIES_IN_FLIGHT, COPY_PART_BYTES } from './options.js';
import { MAX_PARTS } from './part-bytes.js';

interface Plan {
  readonly from: string;
  readonly to: string;
  readonly signal: AbortSignal;
  /** HTTP 412 if there is an object of this key, HTTP 501 where the server can't tell. */
  readonly ifNoneMatch: '*' | undefined;
}

/**
 * Copies the object `found` at `from` within the bucket, at the server: the copy appears at `to` in one step. It is bound
 * to the time of `found`, not to its ETag: Swift compares that with another one for objects that were put in parts.
 */
export async function copyObject(
  bucket: Bucket,
  found: ObjectInfo,
  plan: Plan,
  partBytes = COPY_PART_BYTES,
): Promise<void> {
  const { from, to, signal, ifNoneMatch } = plan;
  const doing = `copy to ${printableName(to)}`;
  if (found.size > partBytes) return copyInParts(bucket, found, plan, partBytes);
  const command = new CopyObjectCommand({
    Bucket: bucket.name,
    Key: to,
    CopySource: copySource(bucket.name, from),
    CopySourceIfUnmodifiedSince: found.modifiedAt,
    IfNoneMatch: ifNoneMatch,
  });
  await bucket.ask({ doing, key: from, signal }, (options) => bucket.client.send(command, options));
}

async function copyInParts(bucket: Bucket, found: ObjectInfo, plan: Plan, smallest: number): Promise<void> {
  const { from, to, signal, ifNoneMatch } = plan;
  const create = { ContentType: found.contentType, Metadata: { ...found.metadata } };
  const size = Math.max(smallest, Math.ceil(found.size / MAX_PARTS));
  await multipartUpload(
    bucket,
    { doing: `copy ${printableName(from)} to`, key: to, signal, create, ifNoneMatch },
    async (upload) => {
      for (let number = 1, start = 0; start < found.size; number++, start += size) {
        const range = `bytes=${start}-${Math.min(start + size, found.size) - 1}`;
        await upload.send(COPIES_IN_FLIGHT, () => copyPart(bucket, found, plan, upload, number, range));
      }
    },
  );
}

async function copyPart(
  bucket: Bucket,
  { modifiedAt }: ObjectInfo,
  { from, to }: Plan,
  { id, signal }: Upload,
  number: number,
  range: string,
): Promise<CompletedPart> {
  const command = new UploadPartCopyCommand({
    Bucket: bucket.name,
    Key: to,
    UploadId: id,
    PartNumber: number,
    CopySource: copySource(bucket.name, from),
    CopySourceIfUnmodifiedSince: modifiedAt,
    CopySourceRange: range,
  });
  const about = { doing: `copy ${range} to ${printableName(to)}`, key: from, signal };
  const { CopyPartResult } = await bucket.ask(about, (options) => bucket.client.send(command, options));
  return { PartNumber: number, ETag: CopyPartResult?.ETag };
}
