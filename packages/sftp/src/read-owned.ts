import type { SFTPWrapper } from 'ssh2';
import { Status, statusOf } from './errors.js';
import { MAX_CHUNK_BYTES } from './options.js';

/** What ssh2 keeps of a READ, but does not declare. */
interface Undeclared {
  /** Of the request that was sent last. */
  readonly _writeReqid: number;
  readonly _requests: Record<number, { buffer: Buffer | undefined; cb: Answered }>;
}

type Answered = (error: Error | undefined, data?: Buffer) => void;

/** ssh2 wants to see a buffer of the length that is asked for, though it is never written to. */
const NEVER_WRITTEN = Buffer.alloc(MAX_CHUNK_BYTES);
/** Answers of this size fill a memory block of their own; smaller ones may share it with others. */
const OWN_BLOCK_BYTES = 64 * 1024;

/**
 * Sends a READ, and passes on the bytes of the answer where ssh2 has put them together. Its own `read` copies them
 * once more, into a buffer that has to lie ready from the time of the request on.
 */
export function readOwned(
  sftp: SFTPWrapper,
  { handle, length, position }: { handle: Buffer; length: number; position: number },
  answer: (error: Error | undefined, bytes: Buffer) => void,
): void {
  const channel = sftp as unknown as Undeclared;
  sftp.read(handle, NEVER_WRITTEN, 0, length, position, () => {});
  const request = channel._requests[channel._writeReqid];
  if (request === undefined) throw new Error('ssh2 keeps its requests elsewhere: this version is unknown');
  request.buffer = undefined;
  request.cb = (error, data = EMPTY) => {
    if (error) answer(statusOf(error) === Status.eof ? undefined : error, EMPTY);
    else if (data.length > length)
      answer(new Error(`${data.length} bytes came, ${length} were asked for`), EMPTY);
    else answer(undefined, data.length < OWN_BLOCK_BYTES ? copyOf(data) : data);
  };
}

/** In a block of its own, not in Node's pool. */
function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

const EMPTY = Buffer.alloc(0);
