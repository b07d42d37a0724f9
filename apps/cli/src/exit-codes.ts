/** What the exit code of `waybill` says. Scripts rely on it: a number never changes its meaning. */
export const exitCodes = {
  ok: 0,
  /** The command worked, but the run or check that was waited for did not end `succeeded`. */
  runNotSucceeded: 1,
  /** Wrong usage, or a request that the service found invalid. */
  invalid: 2,
  notFound: 3,
  /** No API key, a wrong one, or one that lacks the scope. */
  notAuthorised: 4,
  /** The service does not answer, or cannot right now. */
  unreachable: 5,
  auditChainBroken: 6,
  /** Another record, or the state of this one, does not allow it. */
  conflict: 7,
  /** Anything else. */
  unexpected: 70,
  /** By Ctrl-C, as shells expect it. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];
