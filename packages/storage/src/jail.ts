import { constants, type FileHandle, lstat, open, realpath } from 'node:fs/promises';
import { printableName, type RemotePath, whyNameRefused } from '@waybill/domain';
import { localError, systemCode } from './local-errors.js';

/** Opens a directory only as a place to start from; asks for no right to read it. From Linux' fcntl.h; Node has no name for it. */
const O_PATH = 0o10000000;

/**
 * A directory inside the jail, opened. `child` and `self` are paths for system calls; they are valid until it is
 * disposed of.
 */
export interface JailedDirectory extends AsyncDisposable {
  readonly self: string;
  /** `''` stands for the directory itself. Throws `path-refused` for a name that is not a single safe one. */
  child(name: string): string;
}

/**
 * The only way from a `RemotePath` to a path of the operating system: walks down from the root one name at a time and
 * never through a symbolic link.
 */
export interface Jail extends AsyncDisposable {
  /** Throws `not-found` if there is no such directory, `path-refused` where the path leads through a symbolic link. */
  open(directory: RemotePath): Promise<JailedDirectory>;
}

/** @param root an existing directory without symbolic links in its path */
export async function openJail(root: string, platform: NodeJS.Platform = process.platform): Promise<Jail> {
  return platform === 'linux' ? DescriptorJail.at(root) : new CheckedJail(root);
}

/**
 * Linux: each directory is held by a descriptor and the next name is opened relative to it through `/proc/self/fd`
 * (what `openat` is in C). Whoever swaps a directory for a symbolic link at any moment gains nothing, and the root stays
 * the same directory even if it is renamed or another file system is mounted over it.
 */
class DescriptorJail implements Jail {
  readonly #root: FileHandle;

  private constructor(root: FileHandle) {
    this.#root = root;
  }

  static async at(root: string): Promise<DescriptorJail> {
    const handle = await open(root, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    try {
      await lstat(through(handle));
    } catch (error) {
      await handle.close();
      throw localError(
        'misconfigured',
        `local directory ${printableName(root)} can't be opened: /proc is not mounted; the jail needs /proc/self/fd`,
        error,
      );
    }
    return new DescriptorJail(handle);
  }

  async open(directory: RemotePath): Promise<JailedDirectory> {
    let here = this.#root;
    for (const name of namesOf(directory)) {
      const parent = here;
      try {
        here = await enter(parent, name, directory);
      } finally {
        if (parent !== this.#root) await parent.close();
      }
    }
    return {
      self: `${through(here)}/.`,
      child: (name) => `${through(here)}/${safe(name)}`,
      [Symbol.asyncDispose]: async () => {
        if (here !== this.#root) await here.close();
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#root.close();
  }
}

/** O_DIRECTORY together with O_NOFOLLOW answers ENOTDIR to a symbolic link. */
async function enter(parent: FileHandle, name: string, directory: RemotePath): Promise<FileHandle> {
  const path = `${through(parent)}/${name}`;
  try {
    return await open(path, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    if (systemCode(error) === 'ENOTDIR') await refuseLink(path, name, directory);
    throw error;
  }
}

function through(handle: FileHandle): string {
  return `/proc/self/fd/${handle.fd}`;
}

/**
 * Elsewhere: each name is looked at before it is passed, and the whole is compared with what the system makes of it. Safe
 * against what stands in the directory, not against somebody who swaps directories at that very moment.
 */
class CheckedJail implements Jail {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root === '/' ? '' : root;
  }

  async open(directory: RemotePath): Promise<JailedDirectory> {
    let path = this.#root;
    for (const name of namesOf(directory)) {
      path = `${path}/${name}`;
      await refuseLink(path, name, directory);
    }
    await lstat(`${path}/.`);
    const real = await realpath(`${path}/`);
    if (real !== path && !real.startsWith(`${this.#root}/`))
      throw localError(
        'path-refused',
        `path "${printableName(directory)}" is refused: it leads out of the root`,
      );
    return {
      self: `${path}/.`,
      child: (name) => `${path}/${safe(name)}`,
      [Symbol.asyncDispose]: async () => {},
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

async function refuseLink(path: string, name: string, directory: RemotePath): Promise<void> {
  if (!(await lstat(path)).isSymbolicLink()) return;
  throw localError(
    'path-refused',
    `path "${printableName(directory)}" is refused: "${printableName(name)}" is a symbolic link, which may lead out of the root`,
  );
}

function namesOf(directory: RemotePath): string[] {
  return directory === '' ? [] : directory.split('/').map(safe);
}

/** A `RemotePath` has been checked already; the jail holds even against one that was made past `parsePath`. */
function safe(name: string): string {
  const why = name === '' ? undefined : whyNameRefused(name);
  if (why) throw localError('path-refused', `name "${printableName(name)}" is refused: ${why}`);
  return name;
}
