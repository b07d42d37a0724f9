import type { Stats } from 'node:fs';
import { constants, lutimes, mkdir, open, realpath, rename, stat, unlink } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { baseName, parentOf, printableName, type RemotePath } from '@waybill/domain';
import type { PartNaming } from '@waybill/domain/naming';
import type {
  Abortable,
  EndpointProperties,
  FileAttributes,
  FileInfo,
  ListEntry,
  MoveOptions,
  PutOptions,
  ReadOptions,
  StorageEndpoint,
} from './endpoint.js';
import { type Jail, type JailedDirectory, openJail } from './jail.js';
import { localError, storageError, systemCode, translated } from './local-errors.js';
import { changeMode, fileInfo, look, lookForFile, lookForRoom, readFile, writeFile } from './local-file.js';
import { listDirectory } from './local-list.js';
import { moveWithoutReplacing } from './local-move.js';
import { StorageError } from './storage-error.js';

export interface LocalEndpointOptions {
  /** Absolute path of a directory; it may itself be a symbolic link. */
  readonly root: string;
  /** `file://` and the root if left out. */
  readonly label?: string;
  /** How part files are named; as ours are if left out. */
  readonly partNaming?: PartNaming | undefined;
}

/**
 * Opens a directory of this machine as an endpoint. Nothing outside of it can be reached: no path leads through a
 * symbolic link, and only regular files are read or written.
 * @throws StorageError `not-found` if there is no such directory, `misconfigured` if `root` is not absolute
 */
export async function openLocalEndpoint(options: LocalEndpointOptions): Promise<StorageEndpoint> {
  const { root, label = `file://${printableName(root)}`, partNaming } = options;
  if (!isAbsolute(root) || root.includes('\0'))
    throw localError('misconfigured', `local root "${printableName(root)}" is not an absolute path`);
  const jail = await translated(`open local root "${printableName(root)}"`, async () => {
    const real = await realpath(root);
    if (!(await stat(real)).isDirectory())
      throw localError('not-found', `local root "${printableName(root)}" is not a directory`);
    return openJail(real);
  });
  return new LocalEndpoint(jail, label, partNaming);
}

export class LocalEndpoint implements StorageEndpoint {
  readonly label: string;
  readonly properties: EndpointProperties;
  readonly #jail: Jail;

  constructor(jail: Jail, label: string, partNaming?: PartNaming) {
    this.#jail = jail;
    this.label = label;
    this.properties = {
      atomicReplace: true,
      timePrecisionMs: 1,
      concurrent: true,
      continues: true,
      nearby: true,
      keepsDirectories: true,
      partNaming,
      owner: 'us',
    };
  }

  async *list(directory: RemotePath, { signal }: Abortable): AsyncGenerator<ListEntry> {
    signal.throwIfAborted();
    try {
      await using opened = await this.#jail.open(directory);
      yield* listDirectory(opened, directory, signal);
    } catch (error) {
      throw storageError(`list ${this.#place(directory)}`, error);
    }
  }

  async stat(path: RemotePath, { signal }: Abortable): Promise<FileInfo> {
    signal.throwIfAborted();
    return this.#in('look at', path, async (directory) => fileInfo(path, await lookForFile(directory, path)));
  }

  async *read(path: RemotePath, { signal, start = 0 }: ReadOptions): AsyncGenerator<Uint8Array> {
    signal.throwIfAborted();
    await using directory = await this.#openParent('read', path);
    yield* readFile(directory, path, start, signal);
  }

  async put(path: RemotePath, body: AsyncIterable<Uint8Array>, options: PutOptions): Promise<FileInfo> {
    options.signal.throwIfAborted();
    await using directory = await this.#openParent('write', path);
    const { info, created } = await writeFile(directory, path, body, options);
    if (created) await translated(`write ${this.#place(path)}`, () => syncDirectory(directory));
    return info;
  }

  async move(from: RemotePath, to: RemotePath, { signal, replace }: MoveOptions): Promise<void> {
    signal.throwIfAborted();
    await this.#in('move', from, (source) =>
      this.#in(`move ${this.#place(from)} to`, to, async (target) => {
        const moved = await lookForFile(source, from);
        const replaced = await lookForRoom(target, to);
        const paths = [source.child(baseName(from)), target.child(baseName(to))] as const;
        if (!replace) await moveWithoutReplacing(...paths);
        else if (replaced && from !== to && isSecondName(moved, replaced)) await unlink(paths[0]);
        else await rename(...paths);
        await syncDirectory(target);
        if (parentOf(from) !== parentOf(to)) await syncDirectory(source);
      }),
    );
  }

  async remove(path: RemotePath, { signal }: Abortable): Promise<void> {
    signal.throwIfAborted();
    try {
      await this.#in('remove', path, async (directory) => {
        if (!(await look(directory, path))?.isFile()) return;
        await unlink(directory.child(baseName(path)));
        await syncDirectory(directory);
      });
    } catch (error) {
      // Gone already, or its directory is.
      if (!(error instanceof StorageError && error.code === 'not-found')) throw error;
    }
  }

  async setAttributes(
    path: RemotePath,
    { modifiedAt, mode }: FileAttributes,
    { signal }: Abortable,
  ): Promise<void> {
    signal.throwIfAborted();
    await this.#in('set attributes of', path, async (directory) => {
      const stats = await lookForFile(directory, path);
      if (modifiedAt) await lutimes(directory.child(baseName(path)), stats.atime, modifiedAt);
      if (mode !== undefined) await changeMode(directory, path, mode);
    });
  }

  async makeDirectory(path: RemotePath, { signal }: Abortable): Promise<void> {
    const names = path.split('/');
    for (let depth = 1; depth <= names.length; depth++) {
      signal.throwIfAborted();
      const directory = names.slice(0, depth).join('/') as RemotePath;
      await this.#in('make directory', directory, (parent) => makeOneDirectory(parent, directory));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#jail[Symbol.asyncDispose]();
  }

  /** Does `work` in the directory that `path` is in. */
  async #in<T>(verb: string, path: RemotePath, work: (directory: JailedDirectory) => Promise<T>): Promise<T> {
    await using directory = await this.#openParent(verb, path);
    return await translated(`${verb} ${this.#place(path)}`, () => work(directory));
  }

  #openParent(verb: string, path: RemotePath): Promise<JailedDirectory> {
    return translated(`${verb} ${this.#place(path)}`, () => this.#jail.open(parentOf(path)));
  }

  #place(path: RemotePath): string {
    return `"${printableName(path)}" in ${this.label}`;
  }
}

/** Two hard links of one file, as an interrupted `moveWithoutReplacing` leaves them: a rename would keep both. */
function isSecondName(a: Stats, b: Stats): boolean {
  return a.nlink > 1 && a.ino === b.ino && a.dev === b.dev;
}

async function makeOneDirectory(parent: JailedDirectory, path: RemotePath): Promise<void> {
  try {
    if (path === '') return;
    await mkdir(parent.child(baseName(path)));
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
    if (!(await look(parent, path))?.isDirectory())
      throw localError(
        'already-exists',
        `"${printableName(path)}" can't be made a directory: there is a file`,
      );
    return;
  }
  await syncDirectory(parent);
}

/** Makes names durable, where the system can: some file systems refuse, and a directory may be writable but not readable. */
async function syncDirectory(directory: JailedDirectory): Promise<void> {
  try {
    await using handle = await open(directory.self, constants.O_RDONLY | constants.O_DIRECTORY);
    await handle.sync();
  } catch (error) {
    if (!['EACCES', 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP'].includes(systemCode(error) ?? '')) throw error;
  }
}
