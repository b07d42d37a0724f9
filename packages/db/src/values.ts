import type { Failure, FailureCode } from '@waybill/domain';

/** A bigint column as a number. @throws RangeError beyond 2^53, where a number can't say it exactly */
export function toNumber(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new RangeError(`${value} is beyond the safe integers`);
  return number;
}

export function toFailure(code: string | null, message: string | null): Failure | undefined {
  return code === null ? undefined : { code: code as FailureCode, message: message ?? '' };
}

/** Without the members that are `undefined`, which Prisma's types do not take. */
export function defined<T extends object>(values: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [Name in keyof T]?: Exclude<T[Name], undefined>;
  };
}
