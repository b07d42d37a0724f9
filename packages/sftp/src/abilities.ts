import {
  BYTES_PER_MS,
  CHANNEL_WINDOW_BYTES,
  MAX_CHUNK_BYTES,
  MAX_OUTSTANDING,
  MAX_WINDOW_BYTES,
  MIN_WINDOW_BYTES,
  SAFE_CHUNK_BYTES,
} from './options.js';
import { type Quirks, quirksOf } from './quirks.js';

/** What the server lets us do; everything else would be a guess from its name. */
export interface Abilities {
  readonly posixRename: boolean;
  readonly fsync: boolean;
  readonly statvfs: boolean;
  readonly quirks: Quirks;
  /** Channels that it takes to write as fast as a line of this delay may carry: the server grants each a small window. */
  readonly lanesWanted: number;
  /** Bytes in one READ. */
  readonly readBytes: number;
  /** Bytes in one WRITE. */
  readonly writeBytes: number;
  /** READs of that size that may be outstanding, of all files together. */
  readonly outstandingReads: number;
  /** WRITEs of that size that may be outstanding per channel, of all files together. */
  readonly outstandingWrites: number;
}

/** What is known of a server by now. */
export interface Known {
  /** The software part of its identification line. */
  readonly software: string | undefined;
  /** Names and versions of the extensions that it offers. */
  readonly extensions: ReadonlyMap<string, string>;
  /** Largest READ and WRITE in bytes, 0 for any (`limits@openssh.com`); undefined if it did not tell. */
  readonly limits: { readonly readBytes: number; readonly writeBytes: number } | undefined;
  /** Of a small request; 0 before the first. */
  readonly roundTripMs: number;
}

export function abilitiesOf({ software, extensions, limits, roundTripMs }: Known): Abilities {
  const quirks = quirksOf(software);
  const offers = (extension: string, version: string) => extensions.get(extension) === version;
  const readBytes = chunkWithin(limits?.readBytes);
  const writeBytes = chunkWithin(limits?.writeBytes);
  const onTheWay = BYTES_PER_MS * roundTripMs;
  const readWindow = Math.min(MAX_WINDOW_BYTES, Math.max(MIN_WINDOW_BYTES, onTheWay));
  return {
    posixRename: offers('posix-rename@openssh.com', '1'),
    fsync: offers('fsync@openssh.com', '1'),
    statvfs: offers('statvfs@openssh.com', '2'),
    quirks,
    // Only servers of our day are asked to take one file over several channels.
    lanesWanted:
      limits && !quirks.emptiesOnOpen ? Math.max(1, Math.ceil(onTheWay / CHANNEL_WINDOW_BYTES)) : 1,
    readBytes,
    writeBytes,
    // A server without limits may be an old one, or a small one.
    outstandingReads: outstanding(readBytes, limits ? readWindow : SAFE_CHUNK_BYTES * 64),
    outstandingWrites: outstanding(writeBytes, 2 * CHANNEL_WINDOW_BYTES),
  };
}

/** @param limit bytes that the server says it takes; 0: as many as one likes */
function chunkWithin(limit: number | undefined): number {
  if (limit === undefined) return SAFE_CHUNK_BYTES;
  return limit > 0 ? Math.min(MAX_CHUNK_BYTES, limit) : MAX_CHUNK_BYTES;
}

function outstanding(bytes: number, windowBytes: number): number {
  return Math.min(MAX_OUTSTANDING, Math.max(1, Math.floor(windowBytes / bytes)));
}
