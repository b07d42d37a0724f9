import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import { PathRefused, printableName, type RemotePath } from '@waybill/domain';
import {
  type Abortable,
  type EndpointProperties,
  type FileInfo,
  type ListEntry,
  type MoveOptions,
  type PutOptions,
  type ReadOptions,
  type StorageEndpoint,
  StorageError,
  Turns,
} from '@waybill/storage';
import { Bucket, isMissingKey, type ObjectInfo } from './bucket.js';
import { copyObject } from './copy-object.js';
import { statusOf } from './errors.js';
import { directoryPrefix, fileKey, type KeyPrefix, keyPrefix } from './keys.js';
import { listDirectory, listPage } from './list-directory.js';
import type { S3Options } from './options.js';
import { putObject } from './put-object.js';
import { readObject } from './read-object.js';

/**
 * Opens a bucket, or what lies below a prefix in it, and asks it once for its first name: so wrong addresses, keys and
 * clocks are told before any file is moved.
 * @throws StorageError; `not-found` if there is no such bucket
 */
export async function openS3Endpoint(options: S3Options, signal: AbortSignal): Promise<StorageEndpoint> {
  const prefix = rootPrefix(options.root);
  const bucket = new Bucket(options);
  try {
    await listPage(bucket, prefix, undefined, signal, 1).catch((error: unknown) => {
      // Drop boxes let nobody look.
      if (!(error instanceof StorageError) || error.code !== 'permission-denied') throw error;
    });
    return new S3Endpoint(bucket, prefix);
  } catch (error) {
    await bucket[Symbol.asyncDispose]();
    throw error;
  }
}

function rootPrefix(root: string): KeyPrefix {
  try {
    return keyPrefix(root);
  } catch (error) {
    if (!(error instanceof PathRefused)) throw error;
    throw new StorageError('misconfigured', `the root of the endpoint: ${error.message}`, { cause: error });
  }
}

/**
 * Objects as files. Their keys are the paths; there are no directories but in the keys (`keepsDirectories` is false).
 * An object appears whole or not at all, so what a failed put has sent can't be continued.
 */
class S3Endpoint implements StorageEndpoint {
  readonly label: string;
  readonly properties: EndpointProperties = {
    atomicReplace: true,
    timePrecisionMs: 1000,
    concurrent: true,
    continues: false,
    keepsDirectories: false,
  };
  readonly #bucket: Bucket;
  readonly #prefix: KeyPrefix;
  readonly #turns = new Turns();
  /** Known once a server has refused to make sure by itself that a copy replaces nothing. */
  #copiesConditionally = true;

  constructor(bucket: Bucket, prefix: KeyPrefix) {
    this.#bucket = bucket;
    this.#prefix = prefix;
    this.label = `${bucket.where}/${prefix}`.replace(/\/$/, '');
  }

  async *list(directory: RemotePath, { signal }: Abortable): AsyncGenerator<ListEntry> {
    yield* listDirectory(this.#bucket, {
      directory,
      prefix: directoryPrefix(this.#prefix, directory),
      signal,
    });
  }

  async stat(path: RemotePath, { signal }: Abortable): Promise<FileInfo> {
    return fileInfo(path, await this.#find(path, signal));
  }

  async *read(path: RemotePath, { signal, start = 0 }: ReadOptions): AsyncGenerator<Uint8Array> {
    yield* readObject(this.#bucket, { key: this.#key(path), start, signal });
  }

  async put(path: RemotePath, body: AsyncIterable<Uint8Array>, options: PutOptions): Promise<FileInfo> {
    const { signal, start = 0, fresh = false, onProgress = () => {} } = options;
    signal.throwIfAborted();
    if (fresh && (await this.#bucket.look(this.#key(path), signal)))
      throw new StorageError('already-exists', `${this.#place(path)} is there already`);
    if (start !== 0)
      throw new StorageError(
        'unsupported',
        `${this.#place(path)} cannot be continued from byte ${start}: an object is put whole or not at all`,
      );
    const sent = await putObject(this.#bucket, body, { key: this.#key(path), signal, onProgress });
    const held = await this.#find(path, signal);
    if (held.size !== sent)
      throw new StorageError(
        'corrupted',
        `${this.#place(path)} has ${held.size} bytes, but ${sent} were sent: look who else writes there`,
      );
    return fileInfo(path, held);
  }

  /** Copied and then removed: the new name appears in one step, but for a moment both are there. */
  async move(from: RemotePath, to: RemotePath, { signal, replace }: MoveOptions): Promise<void> {
    await this.#turns.take(to, signal, async () => {
      const found = await this.#find(from, signal);
      // Looked at first although the server may make sure of it, because many can't.
      if (!replace && (await this.#bucket.look(this.#key(to), signal))) throw this.#exists(to, from);
      // A copy onto itself is refused, and then the file would be removed.
      if (from === to) return;
      await this.#copy(found, from, to, replace, signal);
      await this.remove(from, { signal });
    });
  }

  async remove(path: RemotePath, { signal }: Abortable): Promise<void> {
    const key = this.#key(path);
    const command = new DeleteObjectCommand({ Bucket: this.#bucket.name, Key: key });
    try {
      await this.#bucket.ask({ doing: 'remove', key, signal }, (options) =>
        this.#bucket.client.send(command, options),
      );
    } catch (error) {
      // Amazon says nothing of it; some servers do.
      if (!isMissingKey(error)) throw error;
    }
  }

  /**
   * Nothing to do: putting a file needs no directory. An empty object that stands for one, as consoles make them, would
   * be a file of no bytes to other programs, and nobody would ever remove it.
   */
  async makeDirectory(_path: RemotePath, { signal }: Abortable): Promise<void> {
    signal.throwIfAborted();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#bucket[Symbol.asyncDispose]();
  }

  async #copy(
    found: ObjectInfo,
    from: RemotePath,
    to: RemotePath,
    replace: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const ifNoneMatch = replace || !this.#copiesConditionally ? undefined : '*';
    const plan = { from: this.#key(from), to: this.#key(to), signal, ifNoneMatch } as const;
    try {
      await copyObject(this.#bucket, found, plan);
    } catch (error) {
      const status = error instanceof StorageError ? statusOf(error.cause) : undefined;
      if (status === 501 && ifNoneMatch !== undefined) {
        // Then the look before is all there is: another program can still come in between.
        this.#copiesConditionally = false;
        return this.#copy(found, from, to, replace, signal);
      }
      throw status === 412 ? await this.#explainRefusal(error, from, to, replace, signal) : error;
    }
  }

  /** HTTP 412 is the answer to both conditions of a copy. */
  async #explainRefusal(
    cause: unknown,
    from: RemotePath,
    to: RemotePath,
    replace: boolean,
    signal: AbortSignal,
  ): Promise<StorageError> {
    if (!replace && (await this.#bucket.look(this.#key(to), signal))) return this.#exists(to, from, cause);
    return new StorageError(
      'source-changed',
      `${this.#place(from)} was replaced by somebody else while it was to be renamed`,
      { cause },
    );
  }

  async #find(path: RemotePath, signal: AbortSignal): Promise<ObjectInfo> {
    const found = await this.#bucket.look(this.#key(path), signal);
    if (found) return found;
    throw new StorageError('not-found', `${this.#place(path)}: there is no such object`);
  }

  #key(path: RemotePath): string {
    return fileKey(this.#prefix, path);
  }

  #exists(to: RemotePath, from: RemotePath, cause?: unknown): StorageError {
    return new StorageError(
      'already-exists',
      `${this.#place(to)} exists; ${printableName(from)} stays as it is`,
      {
        cause,
      },
    );
  }

  #place(path: RemotePath): string {
    return `${this.label}/${printableName(path)}`;
  }
}

function fileInfo(path: RemotePath, { size, modifiedAt }: ObjectInfo): FileInfo {
  return { path, size, modifiedAt };
}
