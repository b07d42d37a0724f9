import { ListObjectsV2Command, type ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import { joinPath, type RemotePath } from '@waybill/domain';
import { type ListEntry, StorageError, whyListedNameRefused } from '@waybill/storage';
import { type Bucket, isSize, wholeSeconds } from './bucket.js';
import { decodedKey } from './keys.js';

interface Plan {
  readonly directory: RemotePath;
  /** What the keys of its files begin with. */
  readonly prefix: string;
  readonly signal: AbortSignal;
}

/** Yields what is directly below `prefix`, one page of the listing at a time. */
export async function* listDirectory(bucket: Bucket, plan: Plan): AsyncGenerator<ListEntry> {
  const { prefix, signal } = plan;
  let token: string | undefined;
  do {
    const page = await listPage(bucket, prefix, token, signal);
    yield* entriesOf(page, plan, bucket.where);
    const next = page.IsTruncated ? page.NextContinuationToken : undefined;
    if (page.IsTruncated && (next === undefined || next === token))
      throw new StorageError(
        'protocol-error',
        `${bucket.where} says that its listing of ${prefix} goes on, but not where`,
      );
    token = next;
  } while (token !== undefined);
}

/** @param most names on it; 1000, the most that S3 gives, if left out */
export function listPage(
  bucket: Bucket,
  prefix: string,
  token: string | undefined,
  signal: AbortSignal,
  most?: number,
): Promise<ListObjectsV2CommandOutput> {
  const command = new ListObjectsV2Command({
    Bucket: bucket.name,
    Prefix: prefix,
    Delimiter: '/',
    // Keys may hold what XML can't.
    EncodingType: 'url',
    MaxKeys: most,
    ContinuationToken: token,
  });
  return bucket.ask({ doing: 'list', key: prefix, signal }, (options) =>
    bucket.client.send(command, options),
  );
}

function* entriesOf(
  { CommonPrefixes = [], Contents = [], EncodingType }: ListObjectsV2CommandOutput,
  { directory, prefix }: Plan,
  where: string,
): Generator<ListEntry> {
  const decode = (key: string) => (EncodingType === 'url' ? decodedKey(key) : key);
  for (const { Prefix: raw = '' } of CommonPrefixes) {
    const name = nameBelow(prefix, decode(raw.replace(/(\/|%2F)$/i, '')));
    yield name === undefined
      ? unreadable(raw)
      : entry(directory, name, (path) => ({ kind: 'directory', path }));
  }
  for (const { Key: raw = '', Size: size, LastModified: modified } of Contents) {
    const name = nameBelow(prefix, decode(raw));
    // An object that stands for the directory itself: other programs make them, we have no use for them.
    if (name === '') continue;
    if (name === undefined) {
      yield unreadable(raw);
      continue;
    }
    if (size === undefined || !isSize(size) || modified === undefined)
      throw new StorageError(
        'protocol-error',
        `${where} lists ${raw} with ${size} bytes, modified at ${modified}`,
      );
    yield entry(directory, name, (path) => ({
      kind: 'file',
      path,
      size,
      modifiedAt: wholeSeconds(modified),
    }));
  }
}

/** undefined if `key` can't be read, or is none of those that were asked for. */
function nameBelow(prefix: string, key: string | undefined): string | undefined {
  return key?.startsWith(prefix) ? key.slice(prefix.length) : undefined;
}

function entry(directory: RemotePath, name: string, make: (path: RemotePath) => ListEntry): ListEntry {
  const reason = whyListedNameRefused(directory, name);
  return reason === undefined ? make(joinPath(directory, name)) : { kind: 'refused', name, reason };
}

function unreadable(name: string): ListEntry {
  return { kind: 'refused', name, reason: 'the server tells its key in a way that cannot be read' };
}
