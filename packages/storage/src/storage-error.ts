import type { Failure, FailureCode } from '@waybill/domain';

/** An operation of an endpoint failed. `message` says what, where, both values and what to do; it holds no secret. */
export class StorageError extends Error implements Failure {
  override readonly name = 'StorageError';
  constructor(
    readonly code: FailureCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
