import type { Owner, RemotePath } from '@waybill/domain';
import type { PartNaming } from '@waybill/domain/naming';

/** A regular file. */
export interface FileInfo {
  readonly path: RemotePath;
  /** Bytes. */
  readonly size: number;
  readonly modifiedAt: Date;
  /** Permission bits, `0o777` at most; left out where there are none, or nobody tells. */
  readonly mode?: number;
}

/**
 * One entry of a listing. Names come from the other side and are hostile: one that cannot be used safely is reported
 * as `refused`, so that the caller can name it to people instead of passing over it.
 */
export type ListEntry =
  | ({ readonly kind: 'file' } & FileInfo)
  | { readonly kind: 'directory'; readonly path: RemotePath }
  /** Symbolic links, devices, sockets: never followed, never read. */
  | { readonly kind: 'other'; readonly path: RemotePath }
  /** `name` is the raw name, or the start of a very long one: print it with `printableName`, never use it as a path. */
  | { readonly kind: 'refused'; readonly name: string; readonly reason: string };

/** What the engine needs to know of an endpoint, instead of asking what kind it is. */
export interface EndpointProperties {
  /** `move` with `replace` puts the new file in the old one's place in one step: readers see one or the other. */
  readonly atomicReplace: boolean;
  /** Steps of `modifiedAt`, in milliseconds. */
  readonly timePrecisionMs: number;
  /** Several files can be read and put at once. */
  readonly concurrent: boolean;
  /** `put` can continue a file. Where not, a `start` other than 0 is refused as `unsupported` and changes nothing. */
  readonly continues: boolean;
  /** Reading costs no line: the bytes are on this machine. False if left out. */
  readonly nearby?: boolean;
  /**
   * A directory is there because somebody made it, empty ones too. Where not, as in object stores, directories are but
   * a way to read names: listing one that holds nothing yields nothing, `makeDirectory` does nothing, and putting or
   * moving a file needs none.
   */
  readonly keepsDirectories: boolean;
  /** How part files are named here; as ours are if left out. */
  readonly partNaming?: PartNaming | undefined;
  /** Whose turn it is where something is wrong with this place or its files; the partner's if left out. */
  readonly owner?: Owner;
}

/** Every operation takes a signal: aborted, it rejects soon with the signal's reason and stops its I/O. */
export interface Abortable {
  readonly signal: AbortSignal;
}

export interface ReadOptions extends Abortable {
  /** First byte to read; 0 if left out. */
  readonly start?: number;
  /**
   * How many bytes may be asked for ahead of the one who reads, but for one request; looked at again as reading goes on. As
   * many as keep the line busy if left out. A hint to endpoints that ask ahead at all.
   */
  readonly aheadBytes?: () => number;
}

export interface PutOptions extends Abortable {
  /**
   * Continue an existing file: it is cut to this length and `body` is appended. 0 or left out: an existing file is
   * emptied first. Throws `corrupted` if the file is shorter than `start`.
   */
  readonly start?: number;
  /**
   * The file has to be new: throws `already-exists` if anything is at `path`, and leaves that as it is. Where the other
   * side can't make sure of it, it is looked at just before. Not with a `start`.
   */
  readonly fresh?: boolean;
  /**
   * Called as bytes arrive, with the length of the unbroken prefix that the other side has acknowledged, `start`
   * included. Never decreases, never skips a hole. Where others can see a file that is being written, first of all with
   * `start`, once it is open.
   */
  readonly onProgress?: (acknowledgedBytes: number) => void;
}

export interface HashOptions extends Abortable {
  /** The hash of so many bytes from the start on is asked for; of the whole file if left out. More than 0. */
  readonly bytes?: number;
}

/**
 * What the other side itself says of the bytes of a file.
 * `certain` is false where it may have looked at another file than `path` leads to, or at none: then an equal hash is
 * proof, and a different one tells nothing.
 */
export type RemoteHash =
  /** `sha256` in hex. Of a file that is shorter than `bytes`, it may be the hash of all of it. */
  | { readonly kind: 'told'; readonly sha256: string; readonly certain: boolean }
  /** It can't or won't tell; `why` is for people. */
  | { readonly kind: 'untold'; readonly why: string };

export interface MoveOptions extends Abortable {
  /**
   * true: an existing file at `to` is replaced, in one step where `atomicReplace`.
   * false: throws `already-exists` if there is one, and leaves both files as they are.
   */
  readonly replace: boolean;
}

/** What can be set of a file besides its bytes. */
export interface FileAttributes {
  /** In steps of `timePrecisionMs`. */
  readonly modifiedAt?: Date | undefined;
  /** Permission bits, `0o777` at most. */
  readonly mode?: number | undefined;
}

/**
 * A place where files live, opened: an SFTP account, a directory or a bucket. All paths lie below its root.
 *
 * Errors are `StorageError`s with a code of the closed list; an operation never retries by itself. Anything the other
 * side sends (names, sizes, attributes) is checked before it is believed.
 */
export interface StorageEndpoint extends AsyncDisposable {
  /** For messages: `sftp://user@host:22/root` or `file:///root`. Holds no secret. */
  readonly label: string;
  readonly properties: EndpointProperties;

  /**
   * Yields what is directly in `directory`, in no particular order; throws `not-found` if there is no such
   * directory, where directories are kept.
   */
  list(directory: RemotePath, options: Abortable): AsyncIterable<ListEntry>;
  /** Throws `not-found` if there is no regular file at `path`. */
  stat(path: RemotePath, options: Abortable): Promise<FileInfo>;
  /**
   * Yields the bytes in order until the end of the file as the server sees it: a file that grows is read to its new
   * end, one that shrinks ends early. Comparing with the size is the caller's part. The consumer owns the chunks.
   */
  read(path: RemotePath, options: ReadOptions): AsyncIterable<Uint8Array>;
  /**
   * Writes `body` to `path`. Resolves once the bytes are as durable as the other side can make them, with what it then
   * says it holds. Rejects with what `body` throws. A failed put leaves a file at `path` that may be
   * continued; where it can't be, perhaps none, or what was there before.
   * Takes a body slowly if the other side is slow: at most a bounded window of it is held in memory.
   * Throws `unproven` if all of it was written and the other side lets nobody look at what it holds.
   */
  put(path: RemotePath, body: AsyncIterable<Uint8Array>, options: PutOptions): Promise<FileInfo>;
  /** Renames a file within this endpoint. Throws `not-found` if there is no file at `from`. */
  move(from: RemotePath, to: RemotePath, options: MoveOptions): Promise<void>;
  /**
   * Ends what a `move` onto `path` left that lost its connection: nothing stays under other names, and a file that was
   * set aside is back if no other took its place. Left out where every replacement is one step.
   */
  recover?(path: RemotePath, options: Abortable): Promise<void>;
  /** Does nothing if there is no file at `path`. Never removes a directory. */
  remove(path: RemotePath, options: Abortable): Promise<void>;
  /**
   * Sets what is given and leaves the rest. Left out where files have no such attributes. Throws `not-found` if there is
   * no file at `path`, where the other side tells.
   */
  setAttributes?(path: RemotePath, attributes: FileAttributes, options: Abortable): Promise<void>;
  /** Makes a directory and its parents; one that exists is a success. */
  makeDirectory(path: RemotePath, options: Abortable): Promise<void>;
  /**
   * Asks the other side for the SHA-256 of a file as it holds it; the bytes do not travel. Left out where there is no
   * other side: reading the bytes and hashing them here is the caller's part. Throws `not-found` if there is no regular
   * file at `path`.
   */
  hash?(path: RemotePath, options: HashOptions): Promise<RemoteHash>;
}
