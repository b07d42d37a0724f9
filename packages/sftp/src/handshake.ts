import type { Duplex } from 'node:stream';
import { hostKeyFromBlob } from '@waybill/domain/host-key';
import { StorageError } from '@waybill/storage';
import type { Client, ConnectConfig } from 'ssh2';
import { type Algorithms, algorithms, legacyAmong } from './algorithms.js';
import { type Authentication, authenticationWith, signAtOnce } from './authentication.js';
import { connectionFailed } from './errors.js';
import { hostKeyAlgorithms, whyHostKeyRefused } from './host-key-verifier.js';
import { type Account, KEEPALIVE_TRIES } from './options.js';
import { explainNoMatch, sharesNoAlgorithm } from './server-offer.js';

/**
 * One try to sign in at an SSH server: verifies its host key strictly, authenticates once, and knows afterwards why it
 * failed. The first reason to stop is the one that is reported.
 */
export class Handshake {
  readonly #account: Account;
  readonly #where: string;
  readonly #authentication: Authentication;
  readonly #hangUp = new AbortController();
  /** In words that are followed by where. */
  #phase = 'connecting to';
  /** Why we hung up. ssh2 only sees a closed connection then. */
  #refused: StorageError | undefined;
  /** The first error of ssh2, before `ssh2-sftp-client` strips it of its cause and level. */
  #cause: unknown;
  /** What else the server would have accepted. */
  #methodsLeft: readonly string[] | undefined;

  /** @throws StorageError `authentication-failed` if the credential cannot be used, before anything is sent */
  constructor(client: Client, account: Account, where: string) {
    this.#account = account;
    this.#where = where;
    try {
      this.#authentication = authenticationWith(account, where, (reason) => this.refuse(reason));
    } catch (error) {
      account.onRefusedSecret?.();
      throw error;
    }
    this.#follow(client);
  }

  /** Aborted once `refuse` was called. */
  get refused(): AbortSignal {
    return this.#hangUp.signal;
  }

  /** What the server is offered. */
  get #algorithms(): Algorithms {
    const { hostKeys, legacyAlgorithms } = this.#account;
    return algorithms(hostKeyAlgorithms(hostKeys, legacyAlgorithms), legacyAlgorithms);
  }

  /** What ssh2 is given beside the stream. */
  get config(): ConnectConfig {
    const { username, hostKeys, keepaliveMs, onRefusedHostKey } = this.#account;
    return {
      username,
      // Covers the handshake alone: the deadline of the caller covers all phases.
      readyTimeout: 0,
      keepaliveInterval: keepaliveMs,
      keepaliveCountMax: KEEPALIVE_TRIES,
      algorithms: this.#algorithms as never,
      hostVerifier: (key: Buffer) => {
        const why = whyHostKeyRefused(key, hostKeys, this.#where);
        if (why && why.code !== 'protocol-error') onRefusedHostKey?.(hostKeyFromBlob(key));
        this.#refused ??= why;
        return this.#refused === undefined;
      },
      authHandler: this.#singleTry() as never,
    };
  }

  /** @param phase what is being done now, in words that are followed by where */
  enter(phase: string): void {
    this.#phase = phase;
  }

  /** Something broke; the first cause counts. */
  fail(cause: unknown): void {
    this.#cause ??= cause;
  }

  /** Hangs up; the first reason counts. */
  refuse(reason: StorageError): void {
    this.#refused ??= reason;
    this.#hangUp.abort(reason);
  }

  /** Hangs up because all of it together took too long. */
  refuseAfter(ms: number): void {
    this.refuse(new StorageError('timed-out', `${this.#phase} ${this.#where} took longer than ${ms} ms`));
  }

  /**
   * @param error what the caller saw; what somebody on the way says of itself is left as it is
   * @param open connects once more, to ask a server that shares no algorithm with us what it would have wanted
   */
  async whyFailed(error: unknown, open: () => Promise<Duplex>, signal: AbortSignal): Promise<StorageError> {
    if (this.#refused) return this.#told(this.#refused);
    if (error instanceof StorageError) return error;
    const failure = connectionFailed(this.#cause ?? error, `failed ${this.#phase}`, this.#where);
    if (failure.code === 'authentication-failed') return this.#told(this.#notLetIn(failure));
    if (!sharesNoAlgorithm(failure)) return failure;
    return await explainNoMatch(failure, this.#where, this.#algorithms, open, signal);
  }

  #told(failure: StorageError): StorageError {
    if (failure.code === 'authentication-failed') this.#account.onRefusedSecret?.();
    return failure;
  }

  #notLetIn(failure: StorageError): StorageError {
    const accepts = this.#methodsLeft?.join(', ') || 'nothing more';
    return new StorageError(
      'authentication-failed',
      `${this.#where} refused the user ${this.#account.username} with ${this.#authentication.description} (tried once; ` +
        `the server would still accept: ${accepts}). Replace the credential, or have the partner enable the account`,
      { cause: failure },
    );
  }

  #follow(client: Client): void {
    const { onAnnouncedHostKeys, onLegacyAlgorithms } = this.#account;
    client.on('error', (error) => this.fail(error));
    client.once('connect', () => {
      this.enter('agreeing on keys with');
    });
    client.once('handshake', (negotiated) => {
      signAtOnce(client);
      this.enter('authenticating at');
      const legacy = legacyAmong(negotiated);
      if (legacy.length > 0) onLegacyAlgorithms?.(legacy);
    });
    client.once('change password', (prompt) =>
      this.refuse(
        new StorageError(
          'authentication-failed',
          `${this.#where} asks for a new password ("${prompt}"): the password has expired. Change it there, then replace the credential`,
        ),
      ),
    );
    // ssh2 tells of them only after it has verified their signatures (OpenSSH's PROTOCOL, section 2.5).
    client.on('hostkeys', (keys) =>
      onAnnouncedHostKeys?.(keys.map((key) => hostKeyFromBlob(key.getPublicSSH()))),
    );
  }

  /** ssh2 by itself would first try `none`, and then every method that it has the means for. */
  #singleTry() {
    let tried = false;
    return (methodsLeft: readonly string[] | null): Authentication['method'] | false => {
      if (tried) {
        this.#methodsLeft = methodsLeft ?? [];
        return false;
      }
      tried = true;
      return this.#authentication.method;
    };
  }
}
