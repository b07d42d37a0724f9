const MAX_LENGTH = 2_000;
const LONE_SURROGATE = /\p{Surrogate}/gu;

/**
 * An error that both backends can keep. PostgreSQL's text has no NUL and no lone surrogates: BullMQ fails to record such
 * a message, and the job comes back as stalled.
 */
export function storableError(error: unknown): Error {
  const message = error instanceof Error ? error.message : String(error);
  return new Error(message.slice(0, MAX_LENGTH).replaceAll('\0', '').replace(LONE_SURROGATE, '\ufffd'));
}
