import type { Failure, FailureCode, Owner } from '@waybill/domain';

export interface StorageErrorOptions extends ErrorOptions {
  /** Where the table of codes would name the wrong one: whatever a local endpoint refuses, say, is ours to put right. */
  readonly owner?: Owner | undefined;
}

/** An operation of an endpoint failed. `message` says what, where, both values and what to do; it holds no secret. */
export class StorageError extends Error implements Failure {
  override readonly name = 'StorageError';
  readonly owner: Owner | undefined;

  constructor(
    readonly code: FailureCode,
    message: string,
    options: StorageErrorOptions = {},
  ) {
    super(message, options);
    this.owner = options.owner;
  }

  /** As it is stored and shown. */
  get failure(): Failure {
    const { code, message, owner } = this;
    return owner === undefined ? { code, message } : { code, message, owner };
  }
}
