import { type ChainedEvent, type ChainHead, eventHash, genesisHash } from './chain.js';

/** The first place where a log is not what was written. */
export interface ChainProblem {
  /**
   * `altered`: the event's content does not give its hash. `missing`: events between two others are gone.
   * `inserted`: an event that does not follow from the one before it, or comes after the head. `reordered`: a number
   * that was passed already. `truncated`: the newest events are gone, or the head was altered.
   */
  readonly kind: 'altered' | 'missing' | 'inserted' | 'reordered' | 'truncated';
  /** The event where it shows; of missing ones the first. */
  readonly seq: number;
  /** Of the event that is there; `undefined` where there is none. */
  readonly id: string | undefined;
  readonly expected: string;
  readonly found: string;
  /** One sentence for people. */
  readonly message: string;
}

export type ChainVerification =
  | { readonly ok: true; readonly count: number; readonly head: ChainHead }
  | { readonly ok: false; readonly count: number; readonly problem: ChainProblem };

/**
 * Walks a log from its first event on, oldest first, and compares its end with the head that is stored apart.
 * Without `head` (an export) a cut tail can't be told.
 */
export async function verifyChain(
  events: AsyncIterable<ChainedEvent>,
  head?: ChainHead,
): Promise<ChainVerification> {
  let last: ChainHead = { seq: 0, hash: genesisHash };
  let count = 0;
  for await (const event of events) {
    const problem = problemAt(event, last);
    if (problem) return { ok: false, count, problem };
    last = { seq: event.seq, hash: event.hash };
    count++;
  }
  const problem = head && problemAtEnd(last, head);
  return problem ? { ok: false, count, problem } : { ok: true, count, head: last };
}

function problemAt(event: ChainedEvent, last: ChainHead): ChainProblem | undefined {
  const { seq, id } = event;
  const next = last.seq + 1;
  if (seq > next)
    return {
      kind: 'missing',
      seq: next,
      id: undefined,
      expected: `event ${next}`,
      found: `event ${seq}`,
      message: `${seq - next} event(s) are missing: after event ${last.seq} comes event ${seq} (${id})`,
    };
  if (seq < next)
    return {
      kind: 'reordered',
      seq,
      id,
      expected: `event ${next}`,
      found: `event ${seq}`,
      message: `event ${seq} (${id}) stands after event ${last.seq}`,
    };
  const hash = hashOf(event);
  if (hash !== event.hash)
    return {
      kind: 'altered',
      seq,
      id,
      expected: event.hash,
      found: hash,
      message: `event ${seq} (${id}) was altered: it was stored with hash ${event.hash}, its content has ${hash}`,
    };
  if (event.previousHash !== last.hash)
    return {
      kind: 'inserted',
      seq,
      id,
      expected: last.hash,
      found: event.previousHash,
      message: `event ${seq} (${id}) does not follow event ${last.seq}: it or the event before it was put in place of another`,
    };
  return undefined;
}

/** Content that has no canonical form was not written by us: it hashes to no stored hash. */
function hashOf(event: ChainedEvent): string {
  try {
    return eventHash(event.previousHash, event);
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) return `none (${error.message})`;
    throw error;
  }
}

function problemAtEnd(last: ChainHead, head: ChainHead): ChainProblem | undefined {
  if (last.seq === head.seq && last.hash === head.hash) return undefined;
  const found = last.seq > head.seq ? 'inserted' : 'truncated';
  const seq = Math.min(last.seq, head.seq) + (last.seq === head.seq ? 0 : 1);
  return {
    kind: found,
    seq,
    id: undefined,
    expected: `event ${head.seq} with hash ${head.hash}`,
    found: last.seq === 0 ? 'an empty log' : `event ${last.seq} with hash ${last.hash}`,
    message:
      found === 'inserted'
        ? `event ${seq} comes after the head of the chain, which is event ${head.seq}`
        : `the log ends with event ${last.seq}, but its head is event ${head.seq} with hash ${head.hash}: the newest events are gone or were replaced`,
  };
}
