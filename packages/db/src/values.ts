import type { Failure, FailureCode, Owner } from '@waybill/domain';
import { Prisma } from './generated/client.js';

/** A bigint column as a number. @throws RangeError beyond 2^53, where a number can't say it exactly */
export function toNumber(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new RangeError(`${value} is beyond the safe integers`);
  return number;
}

interface FailureColumns {
  readonly failureCode: string | null;
  readonly failureMessage: string | null;
  readonly failureOwner: string | null;
}

export function toFailure({
  failureCode,
  failureMessage,
  failureOwner,
}: FailureColumns): Failure | undefined {
  if (failureCode === null) return undefined;
  const failure = { code: failureCode as FailureCode, message: failureMessage ?? '' };
  return failureOwner === null ? failure : { ...failure, owner: failureOwner as Owner };
}

/** Assignments of an `update`; without a failure the columns are emptied. */
export function failureColumns(failure: Failure | undefined): Prisma.Sql {
  return Prisma.sql`failure_code = ${failure?.code ?? null}, failure_message = ${failure?.message ?? null},
      failure_owner = ${failure?.owner ?? null}`;
}

/** Without the members that are `undefined`, which Prisma's types do not take. */
export function defined<T extends object>(values: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [Name in keyof T]?: Exclude<T[Name], undefined>;
  };
}
