/** Every reason why a transform fails a file: a short, closed list. `docs/transforms.md` has a row for each. */
export const transformFailures = {
  damaged: {
    meaning: 'The file is cut short, was altered, or is not of the format that the transform reads.',
    remedy: 'Ask the sender for the file again, and check that the definition fits what they send.',
  },
  unsupported: {
    meaning: 'The file is of the format, but uses a part of it that is not read here.',
    remedy: 'The message names the part; ask the sender to do without it.',
  },
  'too-large': {
    meaning: 'The file expands beyond the limit, or as only a bomb does.',
    remedy: 'If the file is what it should be, raise the limit.',
  },
  'wrong-entries': {
    meaning: 'The archive does not hold the entry that was asked for, or not exactly one.',
    remedy: 'Name the entry in the definition, or ask the sender for an archive with one.',
  },
  'unsafe-name': {
    meaning: 'The archive holds a name that would leave the directory, or cannot be used safely.',
    remedy: 'Treat the file as hostile until the sender explained it.',
  },
  'bad-character': {
    meaning:
      'A character is not valid in the character set that the file should be in, or has no place in the other.',
    remedy: 'Correct the character sets of the definition, or let such characters be replaced.',
  },
  'no-key': {
    meaning: 'A key that the definition names is not there, or the file is encrypted for other keys.',
    remedy: 'Add the key, or send the partner the public key that they should encrypt for.',
  },
  'key-unusable': {
    meaning: 'A key is expired, revoked, unreadable, locked by another passphrase, or not made for this use.',
    remedy: 'Exchange the key for one that is valid, or correct its passphrase.',
  },
  'signature-missing': {
    meaning: 'A signature is required and there is none.',
    remedy: 'Ask the sender to sign the file; do not use this one.',
  },
  'signature-invalid': {
    meaning: 'The signature is not one of an accepted key, or does not fit the content.',
    remedy: 'Ask the sender which key they sign with; do not use the file.',
  },
  misconfigured: {
    meaning: 'The transforms make no sense as they are written, or in this order.',
    remedy: 'Read the message and correct the definition.',
  },
} as const satisfies Record<string, { readonly meaning: string; readonly remedy: string }>;

export type TransformFailureCode = keyof typeof transformFailures;

/** A transform cannot do its work on this file. `message` says what, where and what to do; it holds no content. */
export class TransformError extends Error {
  override readonly name = 'TransformError';
  constructor(
    readonly code: TransformFailureCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
