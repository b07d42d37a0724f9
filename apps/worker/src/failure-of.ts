import type { Failure } from '@waybill/domain';
import { StorageError } from '@waybill/storage';

/**
 * What is put on record about an error that ended an attempt or a check.
 * @param refusedHostKey the last one that was refused, if one was
 */
export function failureOf(error: unknown, refusedHostKey?: Failure['refusedHostKey']): Failure {
  if (error instanceof StorageError) {
    const ofHostKey = error.code === 'host-key-mismatch' || error.code === 'host-key-unknown';
    return { ...error.failure, ...(ofHostKey && refusedHostKey && { refusedHostKey }) };
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { code: 'unknown', message: `an error that Waybill does not know: ${message.slice(0, 2_000)}` };
}
