import { constants, type Stats } from 'node:fs';
import {
  chmod,
  chown,
  type FileHandle,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readlink,
  rename,
  rmdir,
  stat,
  truncate,
  unlink,
  utimes,
} from 'node:fs/promises';
import path from 'node:path';
import ssh2, { type Attributes, type FileEntry } from 'ssh2';
import type { Jail } from './jail.js';
import { ok, type SftpAnswer, type SftpRequest } from './requests.js';

const { OPEN_MODE, STATUS_CODE } = ssh2.utils.sftp;

/** Longest answer to one READ, in bytes; clients have to cope with less than they asked for. */
const MAX_READ = 255 * 1024;
const READDIR_BATCH = 100;

type Handle =
  | { readonly kind: 'file'; readonly path: string; readonly file: FileHandle; readonly append: boolean }
  | { readonly kind: 'directory'; readonly path: string; readonly place: string; readonly names: string[] };

/** A request that cannot be served, in the protocol's own words. */
class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** The well-behaved server: the files below `jail`, for the handles of one channel. */
export class FileServer {
  readonly #jail: Jail;
  readonly #handles = new Map<number, Handle>();
  #lastHandle = 0;

  constructor(jail: Jail) {
    this.#jail = jail;
  }

  /** Never rejects: what cannot be done is answered by a status. */
  async serve(request: SftpRequest): Promise<SftpAnswer> {
    try {
      return (await this.#carryOut(request)) ?? ok;
    } catch (error) {
      return { kind: 'status', ...statusOf(error) };
    }
  }

  /** The path that a handle was opened by; empty for an unknown one. */
  pathOf(handle: Buffer): string {
    return this.#find(handle)?.path ?? '';
  }

  /** Closes what the client left open. */
  async end(): Promise<void> {
    const handles = [...this.#handles.values()];
    this.#handles.clear();
    await Promise.all(handles.map((handle) => (handle.kind === 'file' ? handle.file.close() : undefined)));
  }

  async #carryOut(request: SftpRequest): Promise<SftpAnswer | undefined> {
    const jail = this.#jail;
    const { path } = request;
    switch (request.kind) {
      case 'open':
        return { kind: 'handle', handle: await this.#open(path, request.flags, request.attributes) };
      case 'close':
        await this.#close(request.handle);
        return undefined;
      case 'read':
        return { kind: 'data', data: await this.#read(request.handle, request.offset, request.length) };
      case 'write':
        await this.#write(request.handle, request.offset, request.data);
        return undefined;
      case 'fsync':
        await this.#file(request.handle).file.sync();
        return undefined;
      case 'rename':
        if (request.replace) await rename(await jail.place(path), await jail.place(request.to));
        else await this.#renameWithoutReplacing(path, request.to);
        return undefined;
      case 'remove':
        await unlink(await jail.place(path));
        return undefined;
      case 'opendir':
        return { kind: 'handle', handle: await this.#openDirectory(path) };
      case 'readdir':
        return { kind: 'names', entries: await this.#readDirectory(request.handle) };
      case 'mkdir':
        await mkdir(await jail.place(path), { mode: request.attributes.mode ?? 0o755 });
        return undefined;
      case 'rmdir':
        await rmdir(await jail.place(path));
        return undefined;
      case 'realpath':
        return nameAlone(jail.visible(path));
      case 'readlink':
        return nameAlone(await readlink(await jail.place(path)));
      case 'stat':
        return { kind: 'attributes', attributes: attributesOf(await stat(await jail.target(path))) };
      case 'lstat':
        return { kind: 'attributes', attributes: attributesOf(await lstat(await jail.place(path))) };
      case 'fstat':
        return {
          kind: 'attributes',
          attributes: attributesOf(await this.#file(request.handle).file.stat()),
        };
      case 'setstat':
        await this.#setAttributes(path, request.attributes);
        return undefined;
      case 'fsetstat':
        await applyAttributes(request.attributes, this.#file(request.handle).file);
        return undefined;
      case 'unsupported':
        throw new Refused(STATUS_CODE.OP_UNSUPPORTED, `${request.name} is not supported`);
    }
  }

  async #open(name: string, flags: number, attributes: Partial<Attributes>): Promise<Buffer> {
    const file = await open(await this.#jail.target(name), diskFlags(flags), attributes.mode ?? 0o644);
    if ((await file.stat()).isDirectory()) {
      await file.close();
      throw new Refused(STATUS_CODE.FAILURE, `${name} is a directory`);
    }
    return this.#remember({ kind: 'file', path: name, file, append: (flags & OPEN_MODE.APPEND) !== 0 });
  }

  async #close(handle: Buffer): Promise<void> {
    const known = this.#handle(handle);
    this.#handles.delete(handle.readUInt32BE());
    // Waits for the reads and writes that are still under way.
    if (known.kind === 'file') await known.file.close();
  }

  async #read(handle: Buffer, offset: number, length: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(Math.min(length, MAX_READ));
    const { bytesRead } = await this.#file(handle).file.read(buffer, 0, buffer.length, offset);
    if (bytesRead === 0 && length > 0) throw new Refused(STATUS_CODE.EOF, 'end of file');
    return buffer.subarray(0, bytesRead);
  }

  async #write(handle: Buffer, offset: number, data: Buffer): Promise<void> {
    const { file, append } = this.#file(handle);
    for (let at = 0; at < data.length; ) {
      const { bytesWritten } = await file.write(data, at, data.length - at, append ? null : offset + at);
      at += bytesWritten;
    }
  }

  /** Version 3 lets a rename fail where the new name is taken; a link is what does so without a gap. */
  async #renameWithoutReplacing(from: string, to: string): Promise<void> {
    const [source, target] = [await this.#jail.place(from), await this.#jail.place(to)];
    if ((await lstat(source)).isFile()) {
      await link(source, target);
      await unlink(source);
      return;
    }
    const taken = await lstat(target).then(
      () => true,
      () => false,
    );
    if (taken) throw new Refused(STATUS_CODE.FAILURE, `${to} exists already`);
    await rename(source, target);
  }

  async #openDirectory(name: string): Promise<Buffer> {
    const place = await this.#jail.target(name);
    const names = ['.', '..', ...(await readdir(place))];
    return this.#remember({ kind: 'directory', path: name, place, names });
  }

  async #readDirectory(handle: Buffer): Promise<FileEntry[]> {
    const directory = this.#handle(handle);
    if (directory.kind !== 'directory')
      throw new Refused(STATUS_CODE.FAILURE, 'the handle is not a directory');
    const entries: FileEntry[] = [];
    while (entries.length === 0) {
      const names = directory.names.splice(0, READDIR_BATCH);
      if (names.length === 0) throw new Refused(STATUS_CODE.EOF, 'end of directory');
      const found = await Promise.all(names.map((name) => entryOf(directory.place, name)));
      entries.push(...found.filter((entry) => entry !== undefined));
    }
    return entries;
  }

  async #setAttributes(path: string, attributes: Partial<Attributes>): Promise<void> {
    const place = await this.#jail.target(path);
    await applyAttributes(attributes, {
      truncate: (size) => truncate(place, size),
      chmod: (mode) => chmod(place, mode),
      chown: (uid, gid) => chown(place, uid, gid),
      utimes: (accessed, modified) => utimes(place, accessed, modified),
    });
  }

  #remember(handle: Handle): Buffer {
    this.#lastHandle += 1;
    this.#handles.set(this.#lastHandle, handle);
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(this.#lastHandle);
    return bytes;
  }

  #handle(bytes: Buffer): Handle {
    const handle = this.#find(bytes);
    if (!handle) throw new Refused(STATUS_CODE.FAILURE, 'the handle is unknown or closed');
    return handle;
  }

  #find(bytes: Buffer): Handle | undefined {
    return bytes.length === 4 ? this.#handles.get(bytes.readUInt32BE()) : undefined;
  }

  #file(bytes: Buffer): Handle & { kind: 'file' } {
    const handle = this.#handle(bytes);
    if (handle.kind !== 'file') throw new Refused(STATUS_CODE.FAILURE, 'the handle is a directory');
    return handle;
  }
}

function nameAlone(filename: string): SftpAnswer {
  return { kind: 'names', entries: [{ filename, longname: filename, attrs: {} as Attributes }] };
}

function statusOf(error: unknown): { status: number; message: string } {
  if (error instanceof Refused) return { status: error.status, message: error.message };
  const { code } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
    case 'ELOOP':
      return { status: STATUS_CODE.NO_SUCH_FILE, message: 'No such file' };
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return { status: STATUS_CODE.PERMISSION_DENIED, message: 'Permission denied' };
    default:
      // The system's own message names paths of this machine.
      return { status: STATUS_CODE.FAILURE, message: `Failure${code ? ` (${code})` : ''}` };
  }
}

function diskFlags(flags: number): number {
  const reads = (flags & OPEN_MODE.READ) !== 0;
  const writes = (flags & (OPEN_MODE.WRITE | OPEN_MODE.APPEND)) !== 0;
  let disk = writes ? (reads ? constants.O_RDWR : constants.O_WRONLY) : constants.O_RDONLY;
  if (flags & OPEN_MODE.APPEND) disk |= constants.O_APPEND;
  if (flags & OPEN_MODE.CREAT) disk |= constants.O_CREAT;
  if (flags & OPEN_MODE.TRUNC) disk |= constants.O_TRUNC;
  if (flags & OPEN_MODE.EXCL) disk |= constants.O_EXCL;
  return disk;
}

function attributesOf(stats: Stats): Attributes {
  return {
    mode: stats.mode,
    uid: stats.uid,
    gid: stats.gid,
    size: stats.size,
    atime: Math.floor(stats.atimeMs / 1000),
    mtime: Math.floor(stats.mtimeMs / 1000),
  };
}

interface Changeable {
  truncate(size: number): Promise<void>;
  chmod(mode: number): Promise<void>;
  chown(uid: number, gid: number): Promise<void>;
  utimes(accessed: number, modified: number): Promise<void>;
}

/** Clients send any subset of the attributes. */
async function applyAttributes(attributes: Partial<Attributes>, to: Changeable): Promise<void> {
  const { size, mode, uid, gid, atime, mtime } = attributes;
  if (size !== undefined) await to.truncate(size);
  if (mode !== undefined) await to.chmod(mode & 0o7777);
  if (uid !== undefined && gid !== undefined) await to.chown(uid, gid);
  if (atime !== undefined && mtime !== undefined) await to.utimes(atime, mtime);
}

/** `undefined` if the entry went away since the directory was read. */
async function entryOf(directory: string, filename: string): Promise<FileEntry | undefined> {
  try {
    const stats = await lstat(path.join(directory, filename));
    return { filename, longname: longName(stats, filename), attrs: attributesOf(stats) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** A line as `ls -l` prints it: some clients tell files and directories apart by its first letter alone. */
function longName(stats: Stats, filename: string): string {
  const type = stats.isDirectory() ? 'd' : stats.isSymbolicLink() ? 'l' : '-';
  const letters = ['---', '--x', '-w-', '-wx', 'r--', 'r-x', 'rw-', 'rwx'];
  const rights = [6, 3, 0].map((shift) => letters[(stats.mode >> shift) & 7]).join('');
  const time = stats.mtime.toISOString().slice(0, 16).replace('T', ' ');
  return `${type}${rights} ${stats.nlink} ${stats.uid} ${stats.gid} ${stats.size} ${time} ${filename}`;
}
