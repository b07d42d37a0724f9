import { parsePath, printableName, type RemotePath } from '@waybill/domain';
import { StorageError } from '@waybill/storage';

const MAX_KEY_BYTES = 1024;

/** Where the endpoint's paths begin in the bucket: `''` or a prefix that ends in a slash. */
export type KeyPrefix = string & { readonly __keyPrefix: true };

/** @throws PathRefused */
export function keyPrefix(root: string): KeyPrefix {
  const path = parsePath(root);
  return (path === '' ? '' : `${path}/`) as KeyPrefix;
}

/** What all keys below `directory` begin with. */
export function directoryPrefix(prefix: KeyPrefix, directory: RemotePath): string {
  return directory === '' ? prefix : `${prefix}${directory}/`;
}

/**
 * The key of the object that is the file at `path`.
 * @throws StorageError `not-found` for the root, which is no file; `path-refused` if S3 takes no key as long
 */
export function fileKey(prefix: KeyPrefix, path: RemotePath): string {
  if (path === '') throw new StorageError('not-found', 'the root of an endpoint is a directory, not a file');
  const key = `${prefix}${path}`;
  const bytes = Buffer.byteLength(key);
  if (bytes > MAX_KEY_BYTES)
    throw new StorageError(
      'path-refused',
      `the key ${printableName(key)} has ${bytes} bytes; S3 takes ${MAX_KEY_BYTES} at most`,
    );
  return key;
}

/** A key as a listing with `encoding-type=url` tells it; undefined if it can't be read. */
export function decodedKey(encoded: string): string | undefined {
  try {
    // Amazon writes a space as "+", others as "%20"; a real "+" is "%2B" with all of them.
    return decodeURIComponent(encoded.replaceAll('+', '%20'));
  } catch {
    // Not UTF-8, or not encoded at all.
    return undefined;
  }
}

/** For the header that names the source of a copy, which is decoded as a URL is. */
export function copySource(bucket: string, key: string): string {
  return `${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`;
}
