import type { RemotePath } from '@waybill/domain';
import { type FileInfo, StorageError } from '@waybill/storage';
import type { Attributes } from './wire/messages.js';

export type FileType = 'file' | 'directory' | 'other';

type Claims = Pick<Attributes, 'mode' | 'size' | 'mtime'>;

/** Version 3 has 32 bits for the seconds since 1970. */
export const MAX_TIME = 0xffff_ffff;
const TYPE_BITS = 0o170000;
const PERMISSIONS = 0o777;
const BY_BITS: ReadonlyMap<number, FileType> = new Map([
  [0o100000, 'file'],
  [0o040000, 'directory'],
]);
/** First letter of a line of `ls -l`. */
const BY_LETTER: ReadonlyMap<string | undefined, FileType> = new Map([
  ['-', 'file'],
  ['d', 'directory'],
  ['l', 'other'],
]);

/**
 * @param longname the `ls -l` line of a listing: for servers that send no type bits
 * @returns undefined if the server does not say
 */
export function typeOf(claims: Claims, longname?: string): FileType | undefined {
  const bits = (claims.mode ?? 0) & TYPE_BITS;
  if (bits === 0) return BY_LETTER.get(longname?.[0]);
  return BY_BITS.get(bits) ?? 'other';
}

/** Why what a server claims about a file cannot be believed; undefined if it can. */
export function whyClaimsRefused({ size, mtime }: Claims): string | undefined {
  if (size === undefined) return 'the server tells no size';
  if (!Number.isSafeInteger(size) || size < 0) return `the server tells an impossible size, ${size}`;
  if (mtime !== undefined && !(Number.isSafeInteger(mtime) && mtime >= 0 && mtime <= MAX_TIME))
    return `the server tells an impossible time, ${mtime}`;
  return undefined;
}

/** @throws StorageError `protocol-error` if the claims cannot be believed */
export function fileInfo(path: RemotePath, claims: Claims, where: string): FileInfo {
  const why = whyClaimsRefused(claims);
  if (why) throw new StorageError('protocol-error', `${where}/${path}: ${why}`);
  // Version 3 counts whole seconds. A server that tells no time is taken to say 1970.
  const { size, mode, mtime = 0 } = claims;
  const told = mode !== undefined && { mode: mode & PERMISSIONS };
  return { path, size: size as number, modifiedAt: new Date(mtime * 1000), ...told };
}
