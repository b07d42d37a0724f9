/** The names of the members in which `after` differs from `before`. */
export function changedMembers<T extends object>(before: T, after: Partial<T>): string[] {
  return Object.keys(after).filter((name) => {
    const key = name as keyof T;
    return after[key] !== undefined && text(before[key]) !== text(after[key]);
  });
}

/** JSON with sorted members: what comes out of a jsonb column has lost the order it was written in. */
function text(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    member !== null && typeof member === 'object' && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}
