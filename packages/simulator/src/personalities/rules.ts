import type { Attributes } from 'ssh2';
import type { Behaviour, Personality } from '../personality.js';
import { isEnd, refusal, type SftpAnswer, type SftpRequest, silence, succeeded } from '../requests.js';

const RENAME_EXTENSION = ['posix-rename@openssh.com'];

/** How renames, rights and attributes misbehave. */
export const rules: readonly Personality[] = [
  {
    name: 'rename-reply-lost',
    does: 'The first rename is carried out, but the connection is cut before its answer; later ones are answered.',
    seenAt: 'any server over any link; github.com/lavv17/lftp/issues/122',
    promise: 'The next attempt looks before it sends: the file is delivered once.',
    create: renameReplyLost,
  },
  {
    name: 'rename-will-not-overwrite',
    does: 'No posix-rename; a rename onto an existing name is refused with status 4, "Failure".',
    seenAt: 'servers of SFTP version 3 by the letter, ProFTPD without AllowOverwrite',
    promise:
      'Where replacing is allowed, the old file is set aside, and comes back if the new one cannot take its place.',
    create: () => ({ hiddenExtensions: RENAME_EXTENSION }),
  },
  {
    name: 'no-rename',
    does: 'No rename at all: "Operation unsupported".',
    seenAt: 'drop boxes, object stores; github.com/rclone/rclone/issues/7271',
    promise: 'The delivery fails with unsupported, nothing under the final name, and no part file stays.',
    create: () => ({
      hiddenExtensions: RENAME_EXTENSION,
      serve: refusing(({ kind }) => kind === 'rename', refusal('OP_UNSUPPORTED')),
    }),
  },
  {
    name: 'failure-for-all',
    does: 'Every refusal is status 4, "Failure", whatever its reason.',
    seenAt: 'many servers; winscp.net/eng/docs/sftp_codes',
    promise:
      'The reason is found by looking: missing is told from existing, and the message says what was found.',
    create: () => ({
      async serve(request, next) {
        const answer = await next(request);
        return succeeded(answer) || isEnd(answer) ? answer : refusal('FAILURE');
      },
    }),
  },
  {
    name: 'stat-denied',
    does: 'Nobody may look at files: stat of any kind is refused.',
    seenAt: 'mailboxes that know listing and transfer alone',
    promise:
      'Without a look there is no proof of the size: unproven, never called delivered, unless reading back or no proof at all is what the endpoint requires.',
    create: () => ({
      serve: refusing(({ kind }) => ['stat', 'lstat', 'fstat'].includes(kind), refusal('PERMISSION_DENIED')),
    }),
  },
  {
    name: 'write-only',
    does: 'A drop box: listing, looking by name and reading are refused; a file that is open may be looked at.',
    seenAt: 'CLEO and other drop boxes; github.com/theophilusx/ssh2-sftp-client/issues/372',
    promise: 'Files are delivered, proven by their size while they are open.',
    create: () => ({ serve: refusing(isLook, refusal('PERMISSION_DENIED')) }),
  },
  {
    name: 'setstat-denied',
    does: 'No attribute may be set: neither times nor rights nor the length.',
    seenAt: 'AWS Transfer Family, Azure Blob Storage, MinIO',
    promise: 'Files are delivered, and continued after an interruption.',
    create: () => ({
      serve: refusing(({ kind }) => kind === 'setstat' || kind === 'fsetstat', refusal('PERMISSION_DENIED')),
    }),
  },
  {
    name: 'mkdir-race',
    does: 'Somebody else makes each directory just before us: mkdir is answered with status 4, "Failure", and it is there.',
    seenAt: 'parallel senders; servers that answer 4 instead of 11',
    promise: 'A directory that is there is a success.',
    create: () => ({
      async serve(request, next) {
        const answer = await next(request);
        return request.kind === 'mkdir' && succeeded(answer) ? refusal('FAILURE') : answer;
      },
    }),
  },
  {
    name: 'lying-size',
    does: 'Sizes are told larger than they are, by so many bytes.',
    seenAt: 'SharePoint, which rewrites files; servers that decrypt; github.com/rclone/rclone/issues/4890',
    promise: 'Nothing is called delivered: corrupted for what was sent, source-changed for what was read.',
    setting: { unit: 'bytes', default: 1 },
    create: (surplus) => changingAttributes((told) => ({ ...told, size: told.size + surplus })),
  },
  {
    name: 'mtime-in-minutes',
    does: 'Times are told in whole minutes.',
    seenAt: 'fronts that read the output of ls, FAT and mainframe file systems',
    promise: 'Files are delivered and disposed of; a time is compared only with times of the same server.',
    create: () => changingAttributes((told) => ({ ...told, mtime: told.mtime - (told.mtime % 60) })),
  },
  {
    name: 'clock-off',
    does: 'The clock of the server is ahead by so many minutes.',
    seenAt: 'servers in local time after a change to or from summer time',
    promise: 'Files are delivered and disposed of; no time of a server is compared with our clock.',
    setting: { unit: 'minutes', default: 60 },
    create: (minutes) => changingAttributes((told) => ({ ...told, mtime: told.mtime + minutes * 60 })),
  },
];

function renameReplyLost(): Behaviour {
  let lost = false;
  return {
    async serve(request, next, channel) {
      const answer = await next(request);
      if (request.kind !== 'rename' || lost) return answer;
      lost = true;
      channel.cut();
      return silence;
    },
  };
}

function refusing(
  isRefused: (request: SftpRequest) => boolean,
  answer: SftpAnswer,
): NonNullable<Behaviour['serve']> {
  return async (request, next) => (isRefused(request) ? answer : next(request));
}

const READ = 0x01;

function isLook(request: SftpRequest): boolean {
  if (request.kind === 'open') return (request.flags & READ) !== 0;
  return ['stat', 'lstat', 'opendir'].includes(request.kind);
}

/** Of files: in listings and in answers to a look. */
function changingAttributes(change: (told: Attributes) => Attributes): Behaviour {
  const changed = (told: Attributes) => (isFile(told) ? change(told) : told);
  return {
    async serve(request, next) {
      const answer = await next(request);
      if (answer.kind === 'attributes') return { ...answer, attributes: changed(answer.attributes) };
      if (answer.kind !== 'names') return answer;
      return {
        ...answer,
        entries: answer.entries.map((entry) => ({ ...entry, attrs: changed(entry.attrs) })),
      };
    },
  };
}

function isFile({ mode }: Partial<Attributes>): boolean {
  return mode !== undefined && (mode & 0o170000) === 0o100000;
}
