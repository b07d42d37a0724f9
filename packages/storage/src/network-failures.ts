import type { FailureCode } from '@waybill/domain';

/** What the system's error codes mean of a connection that could not be made, or ended. */
export const networkFailures: ReadonlyMap<unknown, FailureCode> = new Map<unknown, FailureCode>([
  ['ENOTFOUND', 'connection-refused'],
  ['EAI_AGAIN', 'connection-refused'],
  ['ECONNREFUSED', 'connection-refused'],
  ['EHOSTUNREACH', 'connection-refused'],
  ['ENETUNREACH', 'connection-refused'],
  ['EHOSTDOWN', 'connection-refused'],
  ['ECONNRESET', 'connection-lost'],
  ['ECONNABORTED', 'connection-lost'],
  ['EPIPE', 'connection-lost'],
  ['ETIMEDOUT', 'timed-out'],
]);
