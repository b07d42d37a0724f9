import type { Session } from './session.js';

type Reader = Pick<Session, 'abilities' | 'busy' | 'read'>;

export interface ReadPlan {
  readonly handle: Buffer;
  /** For messages. */
  readonly path: string;
  readonly start: number;
  /** Bytes that the file had when it was looked at: so many are asked for at once. A guess, never a bound. */
  readonly expected?: number | undefined;
  /** Bytes that may be asked for ahead, but for one READ; as many as the session has room for if left out. */
  readonly aheadBytes?: (() => number) | undefined;
  readonly signal: AbortSignal;
}

/** A READ on its way. */
interface Piece {
  readonly position: number;
  readonly length: number;
  readonly received: Promise<readonly Buffer[]>;
}

/** READs on their way where nothing is known of the size. Each that comes back full adds two, so that a small file costs no idle requests. */
const FIRST_READS = 2;

/**
 * Yields the bytes of an open file from `start` to its end, in order, with several READs outstanding. Every READ that
 * brought less than it asked for is followed by one for the rest, until the server says that the file ends there: so a
 * file that grows is read to its new end, and one that shrinks ends early. The handle stays open.
 */
export async function* pipelinedRead(session: Reader, plan: ReadPlan): AsyncGenerator<Uint8Array> {
  session.busy.reads++;
  try {
    yield* readAhead(session, plan);
  } finally {
    session.busy.reads--;
  }
}

async function* readAhead(session: Reader, plan: ReadPlan): AsyncGenerator<Uint8Array> {
  const { readBytes } = session.abilities;
  const { start, expected = start } = plan;
  const about = { doing: 'read', path: plan.path, signal: plan.signal };
  const receive = (position: number, length: number) => session.read(plan.handle, length, position, about);
  const pieces: Piece[] = [];
  let next = start;
  // One READ behind the expected end tells at once whether the file ends there.
  let allowedBeyond = expected > start ? 1 : FIRST_READS;
  let beyond = 0;
  for (;;) {
    const most = Math.min(shareOf(session), readsAhead(plan, readBytes));
    while (pieces.length < most && (next < expected || beyond < allowedBeyond)) {
      if (next >= expected) beyond++;
      const length = next < expected ? Math.min(readBytes, expected - next) : readBytes;
      pieces.push(request(receive, next, length));
      next += length;
    }
    const piece = pieces.shift() as Piece;
    let have = 0;
    // A server may answer with less than it was asked for.
    for (let blocks = await piece.received; blocks.length > 0; ) {
      for (const block of blocks) {
        have += block.length;
        yield block;
      }
      if (have === piece.length) break;
      blocks = await receive(piece.position + have, piece.length - have);
    }
    if (have < piece.length) return;
    if (piece.position < expected) continue;
    beyond--;
    allowedBeyond += 2;
  }
}

function readsAhead({ aheadBytes }: ReadPlan, readBytes: number): number {
  return aheadBytes ? Math.max(1, Math.floor(aheadBytes() / readBytes)) : Number.POSITIVE_INFINITY;
}

function shareOf({ abilities, busy }: Reader): number {
  return Math.max(FIRST_READS, Math.floor(abilities.outstandingReads / busy.reads));
}

type Receive = (position: number, length: number) => Promise<readonly Buffer[]>;

function request(receive: Receive, position: number, length: number): Piece {
  const received = receive(position, length);
  // Whoever stops early never looks at the rest.
  received.catch(() => {});
  return { position, length, received };
}
