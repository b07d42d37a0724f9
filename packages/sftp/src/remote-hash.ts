import { printableName, type RemoteHashSource } from '@waybill/domain';
import { type RemoteHash, StorageError, untilAborted } from '@waybill/storage';
import { CHECK_FILE_NAME, checkFileRequest, readCheckFileReply } from './check-file.js';
import { Status, statusOf } from './errors.js';
import { HASHED_BYTES_PER_MS } from './options.js';
import type { Session } from './session.js';
import { hashCommand, readHashOutput } from './shell-hash.js';

export interface HashPlan {
  /** As the server knows it. */
  readonly absolute: string;
  /** Bytes that the file has. */
  readonly size: number;
  /** Only so many of them are asked for. */
  readonly bytes?: number | undefined;
  readonly signal: AbortSignal;
}

/**
 * ProFTPD 1.3.8 reads a file in such steps, and hashes a step too much where the length that is asked for ends within
 * one other than the first.
 */
const PREFIX_STEP_BYTES = 16 * 1024;

const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/**
 * Asks a server for hashes, in the ways that the endpoint's settings allow. A way that it turns out not to have is told
 * once and not tried again on this connection.
 */
export class HashTeller {
  readonly #session: Session;
  readonly #log: (message: string) => void;
  /** Why it is not asked by `check-file`, or by the shell. */
  readonly #refusals: { checkFile: string | undefined; shell: string | undefined };
  #lastCommand: Promise<unknown> = Promise.resolve();

  constructor(session: Session, source: RemoteHashSource, log: (message: string) => void) {
    this.#session = session;
    this.#log = log;
    const said = `remoteHash of the endpoint is "${source}"`;
    this.#refusals = {
      checkFile: source === 'off' ? said : undefined,
      shell: source === 'shell' ? undefined : said,
    };
  }

  /** Why there is no use in asking; `undefined` if there may be. */
  get refusal(): string | undefined {
    const { checkFile, shell } = this.#refusals;
    return checkFile && shell && (checkFile === shell ? checkFile : `${checkFile}; ${shell}`);
  }

  async tell(plan: HashPlan): Promise<RemoteHash> {
    // It has one hash only, which ProFTPD refuses to compute: the server's word on the size is its word on the bytes.
    if (plan.size === 0) return { kind: 'told', sha256: EMPTY_SHA256, certain: true };
    const found = this.#refusals.checkFile ? untold(this.#refusals.checkFile) : await this.#byCheckFile(plan);
    return found.kind === 'told' || this.#refusals.shell ? found : await this.#byShell(plan);
  }

  async #byCheckFile({ absolute, size, bytes = 0, signal }: HashPlan): Promise<RemoteHash> {
    if (bytes > PREFIX_STEP_BYTES && bytes % PREFIX_STEP_BYTES > 0)
      return untold(`servers get the hash of a prefix of ${bytes} bytes wrong`);
    const patienceMs = Math.ceil((bytes > 0 ? Math.min(size, bytes) : size) / HASHED_BYTES_PER_MS);
    const about = { doing: 'ask for the hash of', path: absolute, signal, patienceMs };
    try {
      const reply = await this.#session.extended(CHECK_FILE_NAME, checkFileRequest(absolute, bytes), about);
      const sha256 = readCheckFileReply(reply);
      if (sha256) return { kind: 'told', sha256, certain: true };
      return this.#giveUp('checkFile', `the server's answer to ${CHECK_FILE_NAME} is no SHA-256`);
    } catch (error) {
      const status = error instanceof StorageError ? statusOf(error.cause) : undefined;
      if (status === undefined) throw error;
      if (status === Status.unsupported) return this.#giveUp('checkFile', 'the server has no check-file');
      return untold((error as StorageError).message);
    }
  }

  /** One after the other: each takes a channel, and servers have few. */
  async #byShell(plan: HashPlan): Promise<RemoteHash> {
    const before = this.#lastCommand;
    const mine = untilAborted(before, plan.signal).then(() => this.#runInShell(plan));
    this.#lastCommand = Promise.allSettled([before, mine]).then(() => this.#untilClosed(plan));
    return mine;
  }

  /**
   * sshd counts a channel that both sides have closed until it is done with what else has come in: a request that was
   * answered has come in later than that.
   */
  async #untilClosed({ absolute, signal }: HashPlan): Promise<void> {
    // Whatever is wrong shows itself in the next command.
    await this.#session.lstat({ doing: 'look at', path: absolute, signal }).catch(() => {});
  }

  async #runInShell({ absolute, size, bytes, signal }: HashPlan): Promise<RemoteHash> {
    if (this.#refusals.shell) return untold(this.#refusals.shell);
    const patienceMs = Math.ceil(Math.min(size, bytes ?? size) / HASHED_BYTES_PER_MS);
    const found = await this.#session.execute(hashCommand(absolute, bytes), { signal, patienceMs });
    if (found.kind !== 'exited') return this.#giveUp('shell', `no command can be run there: ${found.why}`);
    const { code, output, errors } = found;
    const sha256 = code === 0 ? readHashOutput(output) : undefined;
    // Where sessions are jailed, or paths are made up, the shell has another file of this name, or none.
    if (sha256) return { kind: 'told', sha256, certain: false };
    const said = `exit code ${code ?? 'none'}, ${printableName((errors || output).trim().slice(0, 200)) || 'no output'}`;
    if ((code === 1 || code === 2) && errors !== '')
      return untold(`sha256sum can't read ${printableName(absolute)} there: ${said}`);
    return this.#giveUp('shell', `sha256sum does not work there: ${said}`);
  }

  #giveUp(way: 'checkFile' | 'shell', why: string): RemoteHash {
    if (!this.#refusals[way])
      this.#log(`${this.#session.where}: ${why}; it is not asked again on this connection`);
    this.#refusals[way] ??= why;
    return untold(this.refusal ?? why);
  }
}

function untold(why: string): RemoteHash & { kind: 'untold' } {
  return { kind: 'untold', why };
}
