import { type FailureCode, printableName } from '@waybill/domain';
import { networkFailures, StorageError } from '@waybill/storage';

/** What a request was for, for the message if it fails. */
export interface Request {
  /** Such as `read`. */
  readonly doing: string;
  readonly key: string;
  /** The bucket and its server. */
  readonly where: string;
}

/** The codes in the answers of S3 servers (Amazon S3 API Reference, "Error responses"), and some of MinIO's own. */
const BY_CODE: ReadonlyMap<unknown, FailureCode> = new Map<unknown, FailureCode>([
  ['NoSuchBucket', 'not-found'],
  ['NoSuchKey', 'not-found'],
  ['NotFound', 'not-found'],
  ['AccessDenied', 'permission-denied'],
  ['AllAccessDisabled', 'permission-denied'],
  ['AccountProblem', 'permission-denied'],
  ['InvalidAccessKeyId', 'authentication-failed'],
  ['SignatureDoesNotMatch', 'authentication-failed'],
  ['InvalidToken', 'authentication-failed'],
  ['ExpiredToken', 'authentication-failed'],
  ['TokenRefreshRequired', 'authentication-failed'],
  ['RequestTimeTooSkewed', 'misconfigured'],
  ['AuthorizationHeaderMalformed', 'misconfigured'],
  ['PermanentRedirect', 'misconfigured'],
  ['InvalidBucketName', 'misconfigured'],
  ['SlowDown', 'timed-out'],
  ['ServiceUnavailable', 'timed-out'],
  ['InternalError', 'timed-out'],
  ['RequestTimeout', 'timed-out'],
  ['OperationAborted', 'timed-out'],
  ['ConditionalRequestConflict', 'timed-out'],
  ['TooManyRequests', 'timed-out'],
  ['BadDigest', 'corrupted'],
  ['InvalidDigest', 'corrupted'],
  ['IncompleteBody', 'corrupted'],
  ['InvalidPart', 'corrupted'],
  ['NoSuchUpload', 'corrupted'],
  ['XAmzContentSHA256Mismatch', 'corrupted'],
  ['QuotaExceeded', 'no-space'],
  ['XMinioStorageFull', 'no-space'],
  ['KeyTooLongError', 'path-refused'],
  ['InvalidObjectState', 'unsupported'],
  ['EntityTooLarge', 'unsupported'],
  ['NotImplemented', 'unsupported'],
  ['MethodNotAllowed', 'unsupported'],
  // A server that keeps objects as files can't have one both as a file and as a directory.
  ['XMinioParentIsObject', 'already-exists'],
  ['XMinioObjectExistsAsDirectory', 'already-exists'],
]);

/** Answers to HEAD have no body, so no code. */
const BY_STATUS: ReadonlyMap<unknown, FailureCode> = new Map<unknown, FailureCode>([
  [301, 'misconfigured'],
  [401, 'authentication-failed'],
  [403, 'permission-denied'],
  [404, 'not-found'],
  [408, 'timed-out'],
  [429, 'timed-out'],
  [500, 'timed-out'],
  [501, 'unsupported'],
  [502, 'timed-out'],
  [503, 'timed-out'],
  [504, 'timed-out'],
  [507, 'no-space'],
]);

const BY_SOCKET_CODE: ReadonlyMap<unknown, FailureCode> = new Map<unknown, FailureCode>([
  ...networkFailures,
  ['EPROTO', 'protocol-error'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'misconfigured'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'misconfigured'],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'misconfigured'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'misconfigured'],
  ['CERT_HAS_EXPIRED', 'misconfigured'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'misconfigured'],
]);

/** The members that the client library gives its errors, those of sockets and those of answers alike. */
interface Thrown {
  readonly name?: string;
  readonly code?: unknown;
  readonly message?: string;
  /** Of answers about the region: the right one. */
  readonly Region?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
}

/** HTTP status of the answer; undefined where there was none. */
export function statusOf(error: unknown): number | undefined {
  return (error as Thrown | undefined)?.$metadata?.httpStatusCode;
}

/** The server's own word for what went wrong; undefined if the error is none of its answers. */
export function answerOf(error: unknown): string | undefined {
  return statusOf(error) === undefined ? undefined : (error as Thrown).name;
}

export function requestFailed(error: unknown, { doing, key, where }: Request, now: Date): StorageError {
  if (error instanceof StorageError) return error;
  const thrown = (error ?? {}) as Thrown;
  const status = statusOf(error);
  const said =
    status === undefined
      ? printableName(thrown.message || String(thrown.code ?? thrown.name))
      : `the server said ${saidBy(thrown, status)}`;
  const advice = adviceFor(thrown, now);
  const what = key === '' ? doing : `${doing} ${printableName(key)}`;
  return new StorageError(codeOf(thrown, status), `cannot ${what} at ${where}: ${said}${advice}`, {
    cause: error,
  });
}

function codeOf(thrown: Thrown, status: number | undefined): FailureCode {
  if (status === undefined) {
    const known = BY_SOCKET_CODE.get(thrown.code);
    if (known) return known;
    if (thrown.name === 'TimeoutError') return 'timed-out';
    return /socket hang up|aborted|premature/i.test(thrown.message ?? '') ? 'connection-lost' : 'unknown';
  }
  // Something that is no S3 server answers pages of HTML, which can't be read as an answer, with any status.
  if (status < 300) return 'protocol-error';
  return BY_CODE.get(thrown.name) ?? BY_STATUS.get(status) ?? 'unknown';
}

function saidBy({ name, message }: Thrown, status: number): string {
  const unnamed = name === undefined || name === 'Unknown' || name === 'Error' || name === 'NotFound';
  if (unnamed) return `HTTP ${status}`;
  return `"${printableName(message ?? '')}" (${printableName(name)}, HTTP ${status})`;
}

function adviceFor(thrown: Thrown, now: Date): string {
  switch (thrown.name) {
    case 'RequestTimeTooSkewed':
      return `; the clock here says ${now.toISOString()}, the server's ${serverTime(thrown)}: set the wrong one right`;
    case 'AuthorizationHeaderMalformed':
    case 'PermanentRedirect':
      return thrown.Region
        ? `; set the endpoint's region to ${printableName(thrown.Region)}`
        : "; correct the endpoint's region or URL";
    case 'NoSuchBucket':
      return '; correct the name of the bucket, or make it: Waybill makes none';
    case 'InvalidObjectState':
      return '; the object is in an archive: have it restored first';
    case 'ExpiredToken':
      return '; set the credential again with a new session token';
  }
  const certificate = BY_SOCKET_CODE.get(thrown.code) === 'misconfigured';
  return certificate
    ? '; give the worker the authority that signed the certificate, in NODE_EXTRA_CA_CERTS'
    : '';
}

function serverTime({ $response }: Thrown): string {
  const date = new Date($response?.headers?.date ?? '');
  return Number.isNaN(+date) ? 'something else' : date.toISOString();
}
