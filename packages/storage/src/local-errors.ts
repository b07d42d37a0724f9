import type { FailureCode } from '@waybill/domain';
import { StorageError } from './storage-error.js';

/** What the operating system says, in our words. What is missing here is `unknown`. */
const codes: Readonly<Record<string, FailureCode>> = {
  ENOENT: 'not-found',
  ENOTDIR: 'not-found',
  EEXIST: 'already-exists',
  EISDIR: 'already-exists',
  ENOTEMPTY: 'already-exists',
  EACCES: 'permission-denied',
  EPERM: 'permission-denied',
  EROFS: 'permission-denied',
  ENOSPC: 'no-space',
  EDQUOT: 'no-space',
  ELOOP: 'path-refused',
  ENAMETOOLONG: 'path-refused',
  EILSEQ: 'path-refused',
  EXDEV: 'unsupported',
  EFBIG: 'unsupported',
  EMLINK: 'unsupported',
  ENOSYS: 'unsupported',
  ENOTSUP: 'unsupported',
  EOPNOTSUPP: 'unsupported',
  ENXIO: 'unsupported',
  ETIMEDOUT: 'timed-out',
  ESTALE: 'connection-lost',
};

/** The system's code of an error (`ENOENT`), if it has one. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Does `work`; an error of the operating system is rethrown as a `StorageError` that says what was done and where. */
export async function translated<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storageError(what, error);
  }
}

/** `error` itself unless it comes from the operating system. */
export function storageError(what: string, error: unknown): unknown {
  const code = systemCode(error);
  if (code === undefined || !(error instanceof Error) || !('syscall' in error)) return error;
  return localError(codes[code] ?? 'unknown', `can't ${what}: ${reason(code, error)}`, error);
}

/** What goes wrong on this machine is ours to put right, whatever the code. */
export function localError(code: FailureCode, message: string, cause?: unknown): StorageError {
  return new StorageError(code, message, { cause, owner: 'us' });
}

/** Node's message without the path, which may be one through /proc that tells a reader nothing. */
function reason(code: string, error: Error): string {
  const text = /^[A-Z0-9]+: ([^,]+),/.exec(error.message)?.[1];
  return text ? `${text} (${code})` : code;
}
