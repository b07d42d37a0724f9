import { isUniqueViolation } from '@waybill/db';

export type OperationErrorCode =
  /** There is no such record. */
  | 'not-found'
  /** Another record, or an earlier request, stands in the way. */
  | 'conflict'
  /** What was asked for cannot be. */
  | 'invalid'
  /** The record is not in a state that allows it. */
  | 'state';

/** Why an operation changed nothing. */
export class OperationError extends Error {
  override readonly name = 'OperationError';
  /** JSON pointer of the input's member that is at fault, such as `/definition/source/include/0`. */
  readonly field: string | undefined;

  constructor(code: OperationErrorCode, message: string, options?: ErrorOptions & { field?: string });
  constructor(
    readonly code: OperationErrorCode,
    message: string,
    options: ErrorOptions & { field?: string } = {},
  ) {
    super(message, options);
    this.field = options.field;
  }
}

export function notFound(kind: string, idOrName: string, field?: string): OperationError {
  const options = field === undefined ? {} : { field };
  return new OperationError('not-found', `there is no ${kind} "${idOrName}"`, options);
}

/** Runs `save`; a name that is taken becomes a conflict. */
export async function withUniqueName<T>(kind: string, name: string, save: () => Promise<T>): Promise<T> {
  try {
    return await save();
  } catch (error) {
    if (!isUniqueViolation(error, `${kind.replaceAll(' ', '_').toLowerCase()}_name_key`)) throw error;
    throw new OperationError('conflict', `there is another ${kind} named "${name}"; choose another name`, {
      field: '/name',
      cause: error,
    });
  }
}
