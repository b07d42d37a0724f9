import { createHash, timingSafeEqual } from 'node:crypto';
import type {
  AuthContext,
  AuthenticationType,
  KeyboardAuthContext,
  ParsedKey,
  PublicKeyAuthContext,
} from 'ssh2';
import { parseKey } from './keys.js';

/** An account of the simulated partner. */
export interface SimulatorUser {
  readonly username: string;
  /** Accepted as `password` and by one prompt of `keyboard-interactive`. */
  readonly password?: string;
  /** Lines as in `authorized_keys`. */
  readonly publicKeys?: readonly string[];
}

export interface AuthAttempt {
  readonly username: string;
  readonly method: AuthenticationType;
  readonly accepted: boolean;
}

/**
 * Decides about logins. Every request but the opening `none` and a mere question whether a key would do is reported:
 * what a partner's intrusion detection would count.
 */
export class Authentication {
  readonly #users: Map<string, { readonly password: string | undefined; readonly keys: ParsedKey[] }>;
  readonly #report: (attempt: AuthAttempt) => void;

  /** @throws Error if a public key cannot be read */
  constructor(users: readonly SimulatorUser[], report: (attempt: AuthAttempt) => void) {
    this.#users = new Map(
      users.map((user) => [
        user.username,
        { password: user.password, keys: (user.publicKeys ?? []).map((line) => parseKey(line)) },
      ]),
    );
    this.#report = report;
  }

  decide(context: AuthContext): void {
    if (context.method === 'publickey') this.#decideKey(context);
    else if (context.method === 'keyboard-interactive') this.#ask(context);
    else if (context.method === 'password')
      this.#end(context, this.#isPassword(context.username, context.password));
    else context.reject(this.#methodsOf(context.username));
  }

  #decideKey(context: PublicKeyAuthContext): void {
    const key = this.#users
      .get(context.username)
      ?.keys.find((allowed) => allowed.getPublicSSH().equals(context.key.data));
    const { blob, signature } = context;
    if (key && !signature) {
      context.accept();
      return;
    }
    const signed = blob && signature && key?.verify(blob, signature, context.hashAlgo) === true;
    this.#end(context, signed === true);
  }

  #ask(context: KeyboardAuthContext): void {
    context.prompt([{ prompt: 'Password: ', echo: false }], (answers) => {
      this.#end(context, this.#isPassword(context.username, answers[0] ?? ''));
    });
  }

  #isPassword(username: string, given: string): boolean {
    const password = this.#users.get(username)?.password;
    return password !== undefined && timingSafeEqual(sha256(password), sha256(given));
  }

  #methodsOf(username: string): AuthenticationType[] {
    const user = this.#users.get(username);
    const methods: AuthenticationType[] = [];
    if (!user || user.keys.length > 0) methods.push('publickey');
    if (!user || user.password !== undefined) methods.push('password', 'keyboard-interactive');
    return methods;
  }

  #end(context: AuthContext, accepted: boolean): void {
    this.#report({ username: context.username, method: context.method, accepted });
    if (accepted) context.accept();
    else context.reject(this.#methodsOf(context.username));
  }
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
