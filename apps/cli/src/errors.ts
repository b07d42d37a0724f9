import { ApiProblem, ApiUnreachable, type ProblemCode } from '@waybill/contract';
import { type ExitCode, exitCodes } from './exit-codes.js';

/** A reason to end the command that the user can act on. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
  constructor(
    readonly exitCode: ExitCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

const exitCodeOfProblem: Partial<Record<ProblemCode, ExitCode>> = {
  'not-found': exitCodes.notFound,
  'not-authenticated': exitCodes.notAuthorised,
  'scope-missing': exitCodes.notAuthorised,
  conflict: exitCodes.conflict,
  'state-conflict': exitCodes.conflict,
  unavailable: exitCodes.unreachable,
  internal: exitCodes.unexpected,
};

const remedies: Partial<Record<ProblemCode, string>> = {
  'not-authenticated': 'Give a valid key in WAYBILL_API_KEY or by --api-key-file.',
  'scope-missing': 'Use a key with that scope; "waybill key list" (scope admin) shows the keys.',
};

export interface Described {
  readonly exitCode: ExitCode;
  /** For people. */
  readonly lines: readonly string[];
  /** For programs: the API's problem document, or one of the same form. */
  readonly document: object;
}

/** What is told about an error that ended the command. */
export function describeError(error: unknown): Described {
  if (error instanceof ApiProblem) {
    const { problem } = error;
    const exitCode = exitCodeOfProblem[problem.code] ?? exitCodes.invalid;
    const hint = remedies[problem.code] ?? (problem.errors.length > 0 ? undefined : problem.remedy);
    const lines = [
      `${problem.title} (${problem.code})`,
      ...withoutRepeatedDetail(error.message.split('\n')),
      ...(hint ? [hint] : []),
    ];
    return { exitCode, lines, document: problem };
  }
  if (error instanceof ApiUnreachable)
    return describe(exitCodes.unreachable, 'unreachable', error.message, [
      'Is the service running ("waybill up"), and is --url or WAYBILL_URL right?',
    ]);
  if (error instanceof CommandFailed) return describe(error.exitCode, 'command-failed', error.message);
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return describe(exitCodes.unexpected, 'unexpected', message);
}

/** The detail of a problem with a single field is that field's message again. */
function withoutRepeatedDetail([detail = '', ...errors]: readonly string[]): readonly string[] {
  return errors.some((line) => line.endsWith(detail)) ? errors : [detail, ...errors];
}

function describe(
  exitCode: ExitCode,
  code: string,
  detail: string,
  hints: readonly string[] = [],
): Described {
  return { exitCode, lines: [...detail.split('\n'), ...hints], document: { code, detail } };
}
