import type { Failure } from '@waybill/domain';
import { StorageError } from '@waybill/storage';

/** What is put on record about an error that ended an attempt or a check. */
export function failureOf(error: unknown): Failure {
  if (error instanceof StorageError) return { code: error.code, message: error.message };
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { code: 'unknown', message: `an error that Waybill does not know: ${message.slice(0, 2_000)}` };
}
