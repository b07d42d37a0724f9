/** What can stand in an event: JSON, with integers as the only numbers. `undefined` members are left out. */
export type CanonicalValue =
  | null
  | boolean
  | number
  | string
  | readonly CanonicalValue[]
  | { readonly [name: string]: CanonicalValue | undefined };

/**
 * JSON with one byte form per value (RFC 8785): members sorted by the UTF-16 units of their names, no white space,
 * strings escaped as `JSON.stringify` does. Numbers are safe integers, so that every language writes them alike.
 * @throws TypeError on a value that has no such form
 */
export function canonicalJson(value: CanonicalValue): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return integer(value);
  if (typeof value === 'string') return string(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object') return object(value as { [name: string]: CanonicalValue | undefined });
  throw new TypeError(`a ${typeof value} has no canonical form`);
}

function integer(value: number): string {
  if (!Number.isSafeInteger(value)) throw new TypeError(`${value} is not a safe integer`);
  return String(value === 0 ? 0 : value);
}

function string(value: string): string {
  if (/\p{Surrogate}/u.test(value))
    throw new TypeError(`${JSON.stringify(value)} is not well-formed Unicode`);
  return JSON.stringify(value);
}

function object(value: { readonly [name: string]: CanonicalValue | undefined }): string {
  const members = Object.keys(value)
    .sort()
    .flatMap((name) => {
      const member = value[name];
      return member === undefined ? [] : [`${string(name)}:${canonicalJson(member)}`];
    });
  return `{${members.join(',')}}`;
}
