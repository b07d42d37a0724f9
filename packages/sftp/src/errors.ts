import { type FailureCode, printableName } from '@waybill/domain';
import { networkFailures, StorageError } from '@waybill/storage';

/** Status codes of SFTP version 3, and those of later versions that servers send all the same. */
export const Status = {
  eof: 1,
  noSuchFile: 2,
  permissionDenied: 3,
  failure: 4,
  badMessage: 5,
  noConnection: 6,
  connectionLost: 7,
  unsupported: 8,
  noSuchPath: 10,
  fileAlreadyExists: 11,
  writeProtect: 12,
  noSpaceOnFilesystem: 14,
  quotaExceeded: 15,
} as const;

const BY_STATUS: ReadonlyMap<unknown, FailureCode> = new Map<unknown, FailureCode>([
  [Status.noSuchFile, 'not-found'],
  [Status.permissionDenied, 'permission-denied'],
  [Status.badMessage, 'protocol-error'],
  [Status.noConnection, 'connection-lost'],
  [Status.connectionLost, 'connection-lost'],
  [Status.unsupported, 'unsupported'],
  [Status.noSuchPath, 'not-found'],
  [Status.fileAlreadyExists, 'already-exists'],
  [Status.writeProtect, 'permission-denied'],
  [Status.noSpaceOnFilesystem, 'no-space'],
  [Status.quotaExceeded, 'no-space'],
]);

/** What servers say beside status 4. Only reasons that make nothing pass for a success are taken from words. */
const BY_WORDS: readonly (readonly [RegExp, FailureCode])[] = [
  [/no space|quota|disk (is )?full/i, 'no-space'],
  [/permission|access (is )?denied|not (permitted|allowed|authori[sz]ed)|read-?only/i, 'permission-denied'],
];

/** The errors that ssh2 tells apart by their text alone. */
const BY_MESSAGE: readonly (readonly [RegExp, FailureCode])[] = [
  [/too many authentication failures|no more auth/i, 'authentication-failed'],
  [/keepalive timeout/i, 'connection-lost'],
  [/timed out/i, 'timed-out'],
  // "Connection lost before handshake": OpenSSH drops connections so when it has too many (`MaxStartups`).
  [/no response from server|not connected|connection lost|unexpected (end|close) event/i, 'connection-lost'],
  [
    /no matching|packet length|more data than requested|missing path info|malformed|unknown packet type|expected version/i,
    'protocol-error',
  ],
];

/** Level that ssh2 gives an error: the layer that it comes from. */
const BY_LEVEL: ReadonlyMap<unknown, FailureCode> = new Map<unknown, FailureCode>([
  ['client-authentication', 'authentication-failed'],
  ['client-timeout', 'timed-out'],
  ['client-socket', 'connection-lost'],
  ['handshake', 'protocol-error'],
  ['protocol', 'protocol-error'],
  ['sftp-protocol', 'protocol-error'],
]);

/** Number of the SFTP status that the server answered with; undefined if the error is none of the server's answers. */
export function statusOf(error: unknown): number | undefined {
  const { code, level } = (error ?? {}) as { code?: unknown; level?: unknown };
  return typeof code === 'number' && level === undefined ? code : undefined;
}

/** An answer of the server, which said no: the session serves on. */
export function isAnswer(error: unknown): error is StorageError {
  return error instanceof StorageError && statusOf(error.cause) !== undefined;
}

/** The server answered with this status. */
export function isStatus(error: unknown, status: number): error is StorageError {
  return error instanceof StorageError && statusOf(error.cause) === status;
}

/**
 * The answer to one request, in our words.
 * @param doing such as `write to`
 * @param path as the server was given it
 */
export function requestFailed(error: unknown, doing: string, path: string, where: string): StorageError {
  if (error instanceof StorageError) return error;
  const status = statusOf(error);
  const said =
    status === undefined ? messageOf(error) : `the server said "${messageOf(error)}" (status ${status})`;
  const code = codeOf(error, path);
  return new StorageError(code, `cannot ${doing} ${printableName(path)} on ${where}: ${said}`, {
    cause: error,
    // A refusal without a reason is no riddle of ours: the server's log has the answer.
    owner: code === 'unknown' && status !== undefined ? 'partner' : undefined,
  });
}

/** A connection that could not be made, or ended. */
export function connectionFailed(error: unknown, doing: string, where: string): StorageError {
  if (error instanceof StorageError) return error;
  // A number is here the reason code of SSH_MSG_DISCONNECT, not an SFTP status.
  const code = codeOf(typeof statusOf(error) === 'number' ? new Error(messageOf(error)) : error);
  return new StorageError(
    code === 'unknown' ? 'connection-lost' : code,
    `${doing} ${where}: ${messageOf(error)}`,
    {
      cause: error,
    },
  );
}

/** @param path which servers repeat in their words, and which may be called anything */
function codeOf(error: unknown, path = ''): FailureCode {
  const { code, level } = (error ?? {}) as { code?: unknown; level?: unknown };
  const message = messageOf(error);
  // Servers that answer FAILURE for everything often still say in words what it was.
  if (code === Status.failure) {
    const words = path === '' ? message : message.replaceAll(path, '');
    const said = BY_WORDS.find(([text]) => text.test(words));
    if (said) return said[1];
  }
  const known = BY_STATUS.get(code) ?? networkFailures.get(code);
  if (known) return known;
  if (statusOf(error) !== undefined) return 'unknown';
  return BY_MESSAGE.find(([text]) => text.test(message))?.[1] ?? BY_LEVEL.get(level) ?? 'unknown';
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return printableName(String(error));
  // Node leaves the message empty where it tried several addresses (AggregateError).
  return printableName(error.message || String((error as NodeJS.ErrnoException).code));
}
