import ssh2 from 'ssh2';
import { ByHandle } from '../by-handle.js';
import type { Behaviour, Personality } from '../personality.js';
import { refusal, type Serve, type SftpAnswer } from '../requests.js';

const { OPEN_MODE } = ssh2.utils.sftp;
const KIB = 1024;

/** How the bytes of files go astray. */
export const content: readonly Personality[] = [
  {
    name: 'windows-openssh',
    does: 'Writes over 100 KB are cut to 100 KB and reported as successful; it calls itself OpenSSH_for_Windows.',
    seenAt: 'OpenSSH for Windows; github.com/PowerShell/Win32-OpenSSH/issues/1395',
    promise: 'Files arrive whole: without advertised limits no write is larger than 32 KiB.',
    create: () => ({ ...cutWrites(100 * 1000), softwareVersion: 'OpenSSH_for_Windows_8.1' }),
  },
  {
    name: 'cut-writes',
    does: 'Every write is cut to so many bytes and reported as successful.',
    seenAt: 'the same fault with smaller buffers: gateways and proxies in front of a server',
    promise:
      'Ends with corrupted, nothing under the final name. Where only a hole is left, read-back finds it.',
    setting: { unit: 'bytes', default: 16 * KIB },
    create: cutWrites,
  },
  {
    name: 'disk-full',
    does: 'Once so many bytes were written, further writes are answered with status 4, "Failure".',
    seenAt: 'OpenSSH on a full disk; winscp.net/eng/docs/sftp_codes',
    promise:
      'The file is not delivered; the message says at which path writing failed and what the server said.',
    setting: { unit: 'bytes', default: 1024 * KIB },
    create: diskFull,
  },
  {
    name: 'full-at-close',
    does: 'Takes all bytes, and answers the close of a written file with status 4, "Failure".',
    seenAt: 'NFS and quota systems that account at close; object stores that upload at close',
    promise: 'The file is not delivered, although every write was acknowledged.',
    create: () => whenWrittenIsClosed(async () => refusal('FAILURE')),
  },
  {
    name: 'vanishes-on-close',
    does: 'A written file is taken away by the back end as soon as it is closed.',
    seenAt: 'hot folders and mailboxes; github.com/paramiko/paramiko/issues/134',
    promise: 'Not called delivered unproven: the delivery is unknown, and the run is held for a person.',
    create: () =>
      whenWrittenIsClosed(async (answer, path, next) => {
        await next({ kind: 'remove', path });
        return answer;
      }),
  },
  {
    name: 'read-once',
    does: 'A file is gone once it was read to its end and closed.',
    seenAt: 'mailboxes such as IBM Sterling ("extractability"); github.com/paramiko/paramiko/issues/579',
    promise: 'It is read once, and delivered although it is gone afterwards.',
    create: readOnce,
  },
  {
    name: 'growing-file',
    does: 'A file gets longer by so many bytes with every read.',
    seenAt: 'files that are listed while they are still written',
    promise: 'Ends with source-changed, nothing under the final name.',
    setting: { unit: 'bytes', default: 64 * KIB },
    create: growingFile,
  },
  {
    name: 'shrinking-file',
    does: 'A file is cut to half its size when it is read for the first time.',
    seenAt: 'log rotation, files that are written anew in place',
    promise: 'Ends with source-changed, nothing under the final name.',
    create: shrinkingFile,
  },
];

function cutWrites(limit: number): Behaviour {
  return {
    serve: (request, next) =>
      next(request.kind === 'write' ? { ...request, data: request.data.subarray(0, limit) } : request),
  };
}

function diskFull(limit: number): Behaviour {
  let written = 0;
  return {
    async serve(request, next) {
      if (request.kind !== 'write') return next(request);
      if (written + request.data.length > limit) return refusal('FAILURE');
      written += request.data.length;
      return next(request);
    },
  };
}

/** @param then gives the answer to the close of a file that was open for writing, after it was closed */
function whenWrittenIsClosed(
  then: (answer: SftpAnswer, path: string, next: Serve) => Promise<SftpAnswer>,
): Behaviour {
  const writable = new ByHandle<true>();
  return {
    async serve(request, next, channel) {
      const answer = await next(request);
      if (request.kind === 'open' && answer.kind === 'handle' && request.flags & OPEN_MODE.WRITE)
        writable.set(channel, answer.handle, true);
      if (request.kind !== 'close' || !writable.get(channel, request.handle)) return answer;
      writable.delete(channel, request.handle);
      return then(answer, request.path, next);
    },
  };
}

function readOnce(): Behaviour {
  const readTo = new ByHandle<number>();
  return {
    async serve(request, next, channel) {
      const { kind, path } = request;
      if (kind === 'read') {
        const answer = await next(request);
        const end = request.offset + (answer.kind === 'data' ? answer.data.length : 0);
        readTo.set(channel, request.handle, Math.max(end, readTo.get(channel, request.handle) ?? 0));
        return answer;
      }
      const end = kind === 'close' ? readTo.get(channel, request.handle) : undefined;
      if (kind !== 'close' || end === undefined) return next(request);
      const found = await next({ kind: 'fstat', path, handle: request.handle });
      readTo.delete(channel, request.handle);
      const answer = await next(request);
      if (found.kind === 'attributes' && end >= found.attributes.size) await next({ kind: 'remove', path });
      return answer;
    },
  };
}

/** Not for ever: a client that reads on for good would fill the disk. */
const MAX_GROWTHS = 1000;

function growingFile(step: number): Behaviour {
  const growths = new Map<string, number>();
  return {
    async serve(request, next) {
      const answer = await next(request);
      const grown = growths.get(request.path) ?? 0;
      if (request.kind !== 'read' || grown >= MAX_GROWTHS) return answer;
      growths.set(request.path, grown + 1);
      const flags = OPEN_MODE.WRITE | OPEN_MODE.APPEND;
      const opened = await next({ kind: 'open', path: request.path, flags, attributes: {} });
      if (opened.kind !== 'handle') return answer;
      const { path } = request;
      await next({ kind: 'write', path, handle: opened.handle, offset: 0, data: Buffer.alloc(step, 'x') });
      await next({ kind: 'close', path, handle: opened.handle });
      return answer;
    },
  };
}

function shrinkingFile(): Behaviour {
  const cut = new Set<string>();
  return {
    async serve(request, next) {
      const { path } = request;
      if (request.kind === 'read' && !cut.has(path)) {
        cut.add(path);
        const found = await next({ kind: 'stat', path });
        if (found.kind === 'attributes')
          await next({ kind: 'setstat', path, attributes: { size: Math.floor(found.attributes.size / 2) } });
      }
      return next(request);
    },
  };
}
