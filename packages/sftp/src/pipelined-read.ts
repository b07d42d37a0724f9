import type { Session } from './session.js';

type Reader = Pick<Session, 'abilities' | 'read'>;

export interface ReadPlan {
  readonly handle: Buffer;
  /** For messages. */
  readonly path: string;
  readonly start: number;
  readonly signal: AbortSignal;
}

/** A READ on its way. */
interface Piece {
  readonly position: number;
  readonly buffer: Buffer;
  readonly received: Promise<number>;
}

/** READs on their way at the start. Each that comes back full adds two, so that a small file costs no idle requests. */
const FIRST_READS = 2;

/**
 * Yields the bytes of an open file from `start` to its end, in order, with several READs outstanding. Every READ that
 * brought less than it asked for is followed by one for the rest, until the server says that the file ends there: so a
 * file that grows is read to its new end, and one that shrinks ends early. The handle stays open.
 */
export async function* pipelinedRead(session: Reader, plan: ReadPlan): AsyncGenerator<Uint8Array> {
  const { readBytes, outstandingReads } = session.abilities;
  const about = { doing: 'read', path: plan.path, signal: plan.signal };
  const receive = (buffer: Buffer, position: number) => session.read(plan.handle, buffer, position, about);
  const pieces: Piece[] = [];
  let next = plan.start;
  for (let wanted = Math.min(FIRST_READS, outstandingReads); ; ) {
    while (pieces.length < wanted) {
      pieces.push(request(receive, next, readBytes));
      next += readBytes;
    }
    const piece = pieces.shift() as Piece;
    const bytes = await complete(receive, piece);
    if (bytes.length > 0) yield bytes;
    if (bytes.length < readBytes) return;
    wanted = Math.min(wanted + 2, outstandingReads);
  }
}

type Receive = (buffer: Buffer, position: number) => Promise<number>;

function request(receive: Receive, position: number, length: number): Piece {
  const buffer = Buffer.allocUnsafeSlow(length);
  const received = receive(buffer, position);
  // Whoever stops early never looks at the rest.
  received.catch(() => {});
  return { position, buffer, received };
}

/** @returns all bytes of the piece; fewer only if the file ends within it */
async function complete(receive: Receive, { position, buffer, received }: Piece): Promise<Buffer> {
  let have = await received;
  while (have < buffer.length) {
    const more = await receive(buffer.subarray(have), position + have);
    if (more === 0) break;
    have += more;
  }
  return buffer.subarray(0, have);
}
