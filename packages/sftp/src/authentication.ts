import type { CredentialSecret } from '@waybill/domain';
import { StorageError } from '@waybill/storage';
import ssh2, { type AnyAuthMethod, type Client, type ParsedKey } from 'ssh2';
import type { Account } from './options.js';

/** One try of one method. */
export interface Authentication {
  readonly method: AnyAuthMethod;
  /** For messages; holds no secret. */
  readonly description: string;
}

/**
 * Prepares the one method that will be tried.
 * @param refuse called if the server asks what a program cannot answer
 * @throws StorageError `authentication-failed` if the private key cannot be used, before anything is sent
 */
export function authenticationWith(
  { secret, username, legacyAlgorithms, onLegacyAlgorithms }: Account,
  where: string,
  refuse: (reason: StorageError) => void,
): Authentication {
  switch (secret.kind) {
    case 'password':
      return { method: { type: 'password', username, password: secret.password }, description: 'password' };
    case 'private-key': {
      const key = readPrivateKey(secret, where);
      guardSha1(key, () => {
        const allowed = legacyAlgorithms?.includes('ssh-rsa') === true;
        if (allowed) onLegacyAlgorithms?.(['ssh-rsa']);
        else refuse(onlySha1(where));
        return allowed;
      });
      return { method: { type: 'publickey', username, key }, description: `private key (${key.type})` };
    }
    case 'keyboard-interactive':
      return {
        method: {
          type: 'keyboard-interactive',
          username,
          prompt: answerOnce(secret.password, where, refuse),
        },
        description: 'keyboard-interactive',
      };
    case 'access-key':
      throw new StorageError(
        'misconfigured',
        `${where} takes a password or a private key, not an access key`,
      );
  }
}

function readPrivateKey(secret: CredentialSecret & { kind: 'private-key' }, where: string): ParsedKey {
  const parsed: ParsedKey | Error | ParsedKey[] = ssh2.utils.parseKey(secret.privateKey, secret.passphrase);
  const key = Array.isArray(parsed) ? parsed[0] : parsed;
  if (key === undefined || key instanceof Error)
    throw new StorageError(
      'authentication-failed',
      `the private key for ${where} cannot be read: ${whyUnreadable(key, secret.passphrase !== undefined)}; nothing was ` +
        'sent. Replace the credential',
      { cause: key },
    );
  if (!key.isPrivateKey())
    throw new StorageError(
      'authentication-failed',
      `the credential for ${where} is a public key (${key.type}), not a private one; nothing was sent. Replace it`,
    );
  return key;
}

/**
 * Asks before each signature with SHA-1, which ssh2 makes with an RSA key where the server does not say that it takes
 * better ones (RFC 8308, `server-sig-algs`).
 */
function guardSha1(key: ParsedKey, isAllowed: () => boolean): void {
  const sign = key.sign.bind(key);
  key.sign = (data, algorithm) => {
    const isSha1 = key.type === 'ssh-rsa' && (algorithm === undefined || algorithm === 'sha1');
    // ssh2 takes an error for an answer, but does not declare it.
    if (isSha1 && !isAllowed()) return new Error('SHA-1 is not allowed') as never;
    return sign(data, algorithm);
  };
}

function onlySha1(where: string): StorageError {
  return new StorageError(
    'authentication-failed',
    `${where} takes signatures of RSA keys with SHA-1 only (ssh-rsa); nothing was signed. Use a private key of another ` +
      'type, such as ed25519, or allow the legacy algorithm ssh-rsa for this endpoint',
  );
}

function whyUnreadable(error: Error | undefined, hasPassphrase: boolean): string {
  const message = error?.message ?? 'it is empty';
  if (/no passphrase/i.test(message)) return 'it is encrypted, and the credential has no passphrase';
  if (hasPassphrase && /integrity|bad passphrase|bad decrypt|malformed|failed to/i.test(message))
    return `the passphrase does not fit, or the key is damaged (${message})`;
  return message;
}

/** Answers the first round of prompts with the password. A second round means that it was wrong, or asks for more. */
function answerOnce(password: string, where: string, refuse: (reason: StorageError) => void) {
  let rounds = 0;
  return (
    _name: string,
    _instructions: string,
    _language: string,
    prompts: readonly unknown[],
    finish: (answers: string[]) => void,
  ): void => {
    rounds++;
    if (rounds === 1) finish(prompts.map(() => password));
    else
      refuse(
        new StorageError(
          'authentication-failed',
          `${where} asked a second round of questions (keyboard-interactive), which only a person can answer`,
        ),
      );
  };
}

/** What ssh2 1.17 keeps of a connection, but does not declare. */
interface Undeclared {
  readonly _protocol: {
    authPK(...given: readonly unknown[]): void;
    readonly _handlers: { USERAUTH_PK_OK(protocol: unknown): void };
  };
}

/**
 * Sends the signature with the first request, as RFC 4252 allows in section 7. ssh2 first asks whether the key would
 * do, which costs a round trip and helps only people who have to be asked for a passphrase.
 */
export function signAtOnce(client: Client): void {
  const { _protocol: protocol } = client as unknown as Undeclared;
  const send = protocol.authPK.bind(protocol);
  protocol.authPK = (...given) => {
    const signs = typeof given.at(-1) === 'function';
    if (signs) send(...given);
    else protocol._handlers.USERAUTH_PK_OK(protocol);
  };
}
