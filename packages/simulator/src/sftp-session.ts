import type { SFTPWrapper } from 'ssh2';
import { announceExtensions, readStrings } from './extensions.js';
import { FileServer } from './file-server.js';
import type { Jail } from './jail.js';
import { type Behaviour, type Channel, serveThrough } from './personality.js';
import type { Serve, SftpAnswer, SftpRequest } from './requests.js';

const EXTENSIONS = ['posix-rename@openssh.com', 'fsync@openssh.com'];

/**
 * SFTP version 3 over one channel: a well-behaved server, with `behaviours` in front of it. Requests are served side by
 * side, as OpenSSH's clients expect.
 */
export class SftpSession {
  readonly #sftp: SFTPWrapper;
  readonly #files: FileServer;
  readonly #serve: Serve;
  /** Extensions, by name. */
  readonly #offered: readonly string[];

  constructor(sftp: SFTPWrapper, jail: Jail, behaviours: readonly Behaviour[], channel: Channel) {
    this.#sftp = sftp;
    this.#files = new FileServer(jail);
    this.#serve = serveThrough(behaviours, (request) => this.#files.serve(request), channel);
    const hidden = behaviours.flatMap(({ hiddenExtensions = [] }) => hiddenExtensions);
    this.#offered = EXTENSIONS.filter((name) => !hidden.includes(name));
    announceExtensions(
      sftp,
      Object.fromEntries(this.#offered.map((name) => [name, '1'])),
      behaviours.map(({ bannerText = '' }) => bannerText).join(''),
    );
    this.#takeRequestsByPath();
    this.#takeRequestsByHandle();
    sftp.on('EXTENDED', (id: number, name: string, data: Buffer | undefined) =>
      this.#answer(id, this.#extended(name, readStrings(data ?? Buffer.alloc(0)))),
    );
  }

  /** Closes what the client left open. */
  end(): Promise<void> {
    return this.#files.end();
  }

  #takeRequestsByPath(): void {
    const sftp = this.#sftp;
    sftp.on('OPEN', (id, path, flags, attributes) =>
      this.#answer(id, { kind: 'open', path, flags, attributes }),
    );
    sftp.on('OPENDIR', (id, path) => this.#answer(id, { kind: 'opendir', path }));
    sftp.on('REMOVE', (id, path) => this.#answer(id, { kind: 'remove', path }));
    sftp.on('RENAME', (id, path, to) => this.#answer(id, { kind: 'rename', path, to, replace: false }));
    sftp.on('MKDIR', (id, path, attributes) => this.#answer(id, { kind: 'mkdir', path, attributes }));
    sftp.on('RMDIR', (id, path) => this.#answer(id, { kind: 'rmdir', path }));
    sftp.on('REALPATH', (id, path) => this.#answer(id, { kind: 'realpath', path }));
    sftp.on('READLINK', (id, path) => this.#answer(id, { kind: 'readlink', path }));
    sftp.on('STAT', (id, path) => this.#answer(id, { kind: 'stat', path }));
    sftp.on('LSTAT', (id, path) => this.#answer(id, { kind: 'lstat', path }));
    sftp.on('SETSTAT', (id, path, attributes) => this.#answer(id, { kind: 'setstat', path, attributes }));
  }

  #takeRequestsByHandle(): void {
    const sftp = this.#sftp;
    const pathOf = (handle: Buffer) => this.#files.pathOf(handle);
    sftp.on('CLOSE', (id, handle) => this.#answer(id, { kind: 'close', path: pathOf(handle), handle }));
    sftp.on('READ', (id, handle, offset, length) =>
      this.#answer(id, { kind: 'read', path: pathOf(handle), handle, offset, length }),
    );
    sftp.on('WRITE', (id, handle, offset, data) =>
      this.#answer(id, { kind: 'write', path: pathOf(handle), handle, offset, data }),
    );
    sftp.on('READDIR', (id, handle) => this.#answer(id, { kind: 'readdir', path: pathOf(handle), handle }));
    sftp.on('FSTAT', (id, handle) => this.#answer(id, { kind: 'fstat', path: pathOf(handle), handle }));
    sftp.on('FSETSTAT', (id, handle, attributes) =>
      this.#answer(id, { kind: 'fsetstat', path: pathOf(handle), handle, attributes }),
    );
  }

  #extended(name: string, [first, second]: Buffer[]): SftpRequest {
    if (!this.#offered.includes(name)) return { kind: 'unsupported', path: '', name };
    if (name === 'posix-rename@openssh.com' && first && second)
      return { kind: 'rename', path: first.toString(), to: second.toString(), replace: true };
    if (name === 'fsync@openssh.com' && first)
      return { kind: 'fsync', path: this.#files.pathOf(first), handle: first };
    return { kind: 'unsupported', path: '', name };
  }

  #answer(id: number, request: SftpRequest): void {
    this.#serve(request)
      .then((answer) => this.#send(id, answer))
      .catch((error: Error) => this.#sftp.emit('error', error));
  }

  #send(id: number, answer: SftpAnswer): void {
    const sftp = this.#sftp;
    switch (answer.kind) {
      case 'status':
        sftp.status(id, answer.status, answer.message);
        return;
      case 'handle':
        sftp.handle(id, answer.handle);
        return;
      case 'data':
        sftp.data(id, answer.data);
        return;
      case 'names':
        sftp.name(id, [...answer.entries]);
        return;
      case 'attributes':
        sftp.attrs(id, answer.attributes);
        return;
      case 'silence':
    }
  }
}
