import type { Id } from './ids.js';

/** Whose turn it is to act on a failure. */
export const owners = ['us', 'partner', 'network'] as const;
export type Owner = (typeof owners)[number];

export interface FailureKind {
  /** May another attempt succeed although nobody changed anything? */
  readonly retryable: boolean;
  /** The run is parked until a person decides, instead of failing. */
  readonly holds: boolean;
  /** Of most failures of this kind; a `Failure` may know better. */
  readonly owner: Owner;
  readonly meaning: string;
  readonly remedy: string;
}

const retry = { retryable: true, holds: false } as const;
const fatal = { retryable: false, holds: false } as const;
const hold = { retryable: false, holds: true } as const;

/**
 * Every reason why an attempt or a delivery can fail: a short, closed list. Programs act on the code, people read
 * the message. `docs/errors.md` has a row for each; a test holds the two together.
 */
export const failures = {
  'not-found': {
    ...fatal,
    owner: 'partner',
    meaning: 'The file or directory does not exist.',
    remedy: 'Check the path in the definition, and whether somebody moved or removed it.',
  },
  'already-exists': {
    ...fatal,
    owner: 'us',
    meaning: 'The target already has a file of this name and the definition says not to replace it.',
    remedy: 'Remove or rename the file at the target, or change the conflict rule of the transfer.',
  },
  'permission-denied': {
    ...fatal,
    owner: 'partner',
    meaning: 'The account may not do this at this place.',
    remedy: 'Ask the owner of the endpoint to grant the right, or correct the directory.',
  },
  'authentication-failed': {
    ...fatal,
    owner: 'us',
    meaning: 'The server refused the credentials. Tried once only, so that the account is not locked.',
    remedy: 'Replace the credential of the endpoint, then retry the run.',
  },
  'host-key-mismatch': {
    ...hold,
    owner: 'partner',
    meaning: 'The server offered a host key that is not among the pinned ones. Nothing was sent.',
    remedy:
      'Confirm the new fingerprint with the partner by another way; then pin it, and the run goes on by itself.',
  },
  'host-key-unknown': {
    ...hold,
    owner: 'us',
    meaning: 'No host key is pinned for the endpoint, so the server cannot be told from an impostor.',
    remedy: 'Obtain the fingerprint from the partner and pin the host key; the run then goes on by itself.',
  },
  'no-space': {
    ...retry,
    owner: 'partner',
    meaning: 'The target has no space or quota left.',
    remedy: 'Free space at the target; the run goes on by itself at its next attempt.',
  },
  'source-changed': {
    ...retry,
    owner: 'partner',
    meaning: 'The source file changed while it was read; nothing was put under the final name.',
    remedy:
      'Usually nothing: the next attempt reads it again. If it repeats, the file is still being written.',
  },
  corrupted: {
    ...retry,
    owner: 'partner',
    meaning: 'The target holds other bytes than those that were sent.',
    remedy:
      'Usually nothing: the next attempt sends the file again. If it repeats, the target alters files: ask its owner.',
  },
  unproven: {
    ...fatal,
    owner: 'us',
    meaning: "The file was sent, but its arrival can't be proven as strongly as is required.",
    remedy: 'Read the message: have the partner grant what is missing, or require less of the endpoint.',
  },
  'connection-refused': {
    ...retry,
    owner: 'partner',
    meaning: 'Nothing accepts connections at the address, or its name does not resolve.',
    remedy: 'Check host and port, and whether the server is up.',
  },
  'route-unreachable': {
    ...retry,
    owner: 'network',
    meaning: 'The proxy or jump host on the way to the server cannot be reached.',
    remedy: "Check the endpoint's route, and whether the proxy or jump host is up.",
  },
  'route-refused': {
    ...fatal,
    owner: 'us',
    meaning: 'The proxy or jump host on the way does not let the connection through.',
    remedy: "Have its administrator allow it, or correct the endpoint's route or the proxy's password.",
  },
  'connection-lost': {
    ...retry,
    owner: 'network',
    meaning: 'The connection ended in the middle of the work.',
    remedy: 'Usually nothing: the next attempt continues where this one stopped.',
  },
  'timed-out': {
    ...retry,
    owner: 'network',
    meaning: 'The server did not answer within the deadline of the operation.',
    remedy: 'Usually nothing. If it repeats, ask the partner, or raise the deadline of the endpoint.',
  },
  'protocol-error': {
    ...fatal,
    owner: 'partner',
    meaning: 'The server broke the protocol, or the two sides share no algorithm.',
    remedy: 'Read the message; often a banner or login script writes into the channel.',
  },
  'path-refused': {
    ...fatal,
    owner: 'partner',
    meaning: 'A name cannot be used safely: it leaves the directory, or holds control characters.',
    remedy: 'Have the file renamed at the source.',
  },
  'unexpected-files': {
    ...fatal,
    owner: 'partner',
    meaning: 'The source does not hold what was agreed: too few or too many files, or an empty one.',
    remedy: 'Ask the partner for what is missing or too much; then run the transfer again.',
  },
  'set-incomplete': {
    ...fatal,
    owner: 'partner',
    meaning:
      'The transfer delivers all files of a set or none, and another file of it could not be delivered.',
    remedy: 'See why the other file failed; once that is put right, retry the run.',
  },
  'duplicate-content': {
    ...hold,
    owner: 'partner',
    meaning:
      'The same content was delivered to the partner before, within the days that the transfer looks back.',
    remedy:
      'The message says by which run; retry this one to have the file delivered all the same, or cancel it.',
  },
  'checksum-mismatch': {
    ...fatal,
    owner: 'partner',
    meaning: 'The checksum file of a source file is missing, cannot be read or names another checksum.',
    remedy: 'Have the partner send both again, then retry the run: see docs/checksum-files.md.',
  },
  'transform-failed': {
    ...fatal,
    owner: 'partner',
    meaning: 'A transform of the definition cannot do its work on the file: see docs/transforms.md.',
    remedy: 'Read the message: it names the step, and whether the file, a key or the definition is wrong.',
  },
  unsupported: {
    ...fatal,
    owner: 'us',
    meaning: 'The endpoint cannot do what the definition asks for.',
    remedy: 'Change the definition to what this endpoint can do.',
  },
  'outcome-unknown': {
    ...hold,
    owner: 'us',
    meaning: 'It cannot be told whether the file arrived under its final name.',
    remedy: 'Look at the target; then retry the run if the file is missing.',
  },
  'not-acknowledged': {
    ...fatal,
    owner: 'partner',
    meaning: 'The file was delivered, but the partner has refused it, or has not acknowledged it in time.',
    remedy: 'Ask the partner. A retry waits again and sends nothing again: see docs/acknowledgements.md.',
  },
  'attempt-lost': {
    ...retry,
    owner: 'us',
    meaning: 'The worker stopped reporting: it was killed, or lost its database.',
    remedy: 'Usually nothing: another worker continues.',
  },
  misconfigured: {
    ...fatal,
    owner: 'us',
    meaning: 'The definition cannot be carried out by this worker.',
    remedy: 'Read the message and correct the endpoint or the transfer.',
  },
  unknown: {
    ...fatal,
    owner: 'us',
    meaning: 'An error that Waybill does not know. It is not retried blindly.',
    remedy: 'Report it with the message, and retry the run by hand.',
  },
} as const satisfies Record<string, FailureKind>;

export type FailureCode = keyof typeof failures;

export const failureCodes = Object.keys(failures) as FailureCode[];

export function failureKind(code: FailureCode): FailureKind {
  return failures[code];
}

/** A failure as it is stored and shown. */
export interface Failure {
  readonly code: FailureCode;
  /** What, where, both values, what to do. Holds no secret. */
  readonly message: string;
  /** Left out where the table of codes is right. */
  readonly owner?: Owner | undefined;
  /** Of a refused host key: who offered it, and its SHA256:… form. */
  readonly refusedHostKey?: { readonly endpointId: Id; readonly fingerprint: string };
  /** The endpoint that could not be opened, so that nothing was done there. */
  readonly unopenedEndpointId?: Id;
}

/** Whose turn it is. */
export function ownerOf({ code, owner }: Failure): Owner {
  return owner ?? failures[code].owner;
}
