import { setTimeout as sleep } from 'node:timers/promises';
import type { Attributes, FileEntry } from 'ssh2';
import { ByHandle } from '../by-handle.js';
import type { Behaviour, Personality } from '../personality.js';
import { isEnd, refusal } from '../requests.js';

const BATCH = 1000;

/** How listings misbehave. */
export const names: readonly Personality[] = [
  {
    name: 'hostile-names',
    does: 'Every listing also names ../escape, /etc/passwd, .., names with NUL, line breaks and terminal codes, and 4,000 letters.',
    seenAt: 'a hostile or broken server: CVE-2019-6111 (scp) shows what it comes to',
    promise:
      'No file gets outside the target directory; each such name is refused, told in printable form, and the rest is moved.',
    create: () => ({ serve: addToListings(() => HOSTILE_NAMES.map(fileEntry)) }),
  },
  {
    name: 'huge-name',
    does: 'Every listing also has a name of 1 MiB.',
    seenAt: 'a hostile or broken server',
    promise: 'Listing ends with protocol-error in bounded memory.',
    create: () => ({ serve: addToListings(() => [fileEntry('n'.repeat(1024 * 1024))]) }),
  },
  {
    name: 'endless-listing',
    does: 'A listing never ends: the server always has one more answer.',
    seenAt: 'a hostile or broken server; caching gateways that lose their place',
    promise: 'Listing ends with protocol-error after a million entries, in bounded memory.',
    create: () => listingOf(Number.POSITIVE_INFINITY),
  },
  {
    name: 'many-entries',
    does: 'Every directory has so many more files, of 0 bytes, than are there.',
    seenAt: 'inboxes that nobody clears',
    promise: 'All of them are listed.',
    setting: { unit: 'entries', default: 100_000 },
    create: listingOf,
  },
  {
    name: 'slow-listing',
    does: 'Each answer to a listing takes so long.',
    seenAt: 'object stores and mainframes behind an SFTP front',
    promise: 'A listing may take longer than the deadline of the endpoint, as long as each answer keeps it.',
    setting: { unit: 'ms', default: 2000 },
    create: (delayMs) => ({
      async serve(request, next) {
        if (request.kind === 'readdir') await sleep(delayMs);
        return next(request);
      },
    }),
  },
];

const HOSTILE_NAMES = [
  ...['../escape', '/etc/passwd', '..', 'sub/../../escape', 'nul\0.csv', 'line\nbreak.csv'],
  ...['terminal\u001b[2J.csv', 'l'.repeat(4000)],
];

function fileEntry(filename: string): FileEntry {
  const attrs: Attributes = { mode: 0o100644, uid: 0, gid: 0, size: 0, atime: 0, mtime: 0 };
  return { filename, longname: `-rw-r--r-- 1 0 0 0 1970-01-01 00:00 ${filename}`, attrs };
}

/** Appends to the first answer of every listing. */
function addToListings(added: () => readonly FileEntry[]): NonNullable<Behaviour['serve']> {
  const begun = new ByHandle<true>();
  return async (request, next, channel) => {
    const answer = await next(request);
    if (request.kind === 'close') begun.delete(channel, request.handle);
    if (request.kind !== 'readdir' || answer.kind !== 'names') return answer;
    if (begun.get(channel, request.handle)) return answer;
    begun.set(channel, request.handle, true);
    return { kind: 'names', entries: [...answer.entries, ...added()] };
  };
}

/** `count` entries after those that are there. */
function listingOf(count: number): Behaviour {
  const sent = new ByHandle<number>();
  return {
    async serve(request, next, channel) {
      if (request.kind === 'close') sent.delete(channel, request.handle);
      if (request.kind !== 'readdir') return next(request);
      const from = sent.get(channel, request.handle);
      const answer = from === undefined ? await next(request) : refusal('EOF');
      if (!isEnd(answer)) return answer;
      const size = Math.min(BATCH, count - (from ?? 0));
      if (size <= 0) return answer;
      sent.set(channel, request.handle, (from ?? 0) + size);
      return { kind: 'names', entries: batch(from ?? 0, size) };
    },
  };
}

function batch(from: number, size: number): FileEntry[] {
  return Array.from({ length: size }, (_, i) => fileEntry(`entry-${from + i}`));
}
