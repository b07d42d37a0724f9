import type { FailureCode } from '@waybill/domain';
import { StorageError } from '@waybill/storage';
import type { RunContext } from './run-context.js';

/**
 * Whom a failure of one file concerns.
 * - `file`: this one alone, for good
 * - `file-for-now`: this one alone; another attempt may succeed
 * - `held`: this one; a person has to decide
 * - `run`: all of them, because an endpoint, or something of ours, does not work
 */
export type FailureReach = 'file' | 'file-for-now' | 'held' | 'run';

const ofOneFile: Partial<Record<FailureCode, FailureReach>> = {
  'not-found': 'file',
  'already-exists': 'file',
  'permission-denied': 'file',
  'path-refused': 'file',
  'set-incomplete': 'file',
  'checksum-mismatch': 'file',
  'transform-failed': 'file',
  'not-acknowledged': 'file',
  unsupported: 'file',
  unproven: 'file',
  unknown: 'file',
  'source-changed': 'file-for-now',
  corrupted: 'file-for-now',
  'outcome-unknown': 'held',
  'duplicate-content': 'held',
};

export function reachOf(code: FailureCode): FailureReach {
  return ofOneFile[code] ?? 'run';
}

/** Can the run go on with its other files? */
export function concernsOneFile({ signal }: RunContext, error: unknown): error is StorageError {
  return !signal.aborted && error instanceof StorageError && reachOf(error.code) !== 'run';
}
