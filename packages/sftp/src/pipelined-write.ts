import { takeUntilAborted } from '@waybill/storage';
import type { Session } from './session.js';
import type { WriteLane, WriteLanes } from './write-lanes.js';

type Writer = Pick<Session, 'abilities' | 'busy'>;

export interface WritePlan {
  readonly lanes: WriteLanes;
  /** For messages. */
  readonly path: string;
  readonly start: number;
  readonly signal: AbortSignal;
  /** Told the end of the unbroken prefix that the server has acknowledged. */
  readonly onProgress?: (acknowledgedBytes: number) => void;
  /** Told when the last WRITE was sent, before it is answered: how many there were. */
  readonly onSent?: ((writes: number) => void) | undefined;
}

/**
 * Writes `body` to an open file from `start` on, with several WRITEs outstanding.
 * The first failure wins, of the server or of `body`; the other WRITEs are awaited before it is thrown, so that nothing
 * arrives later. Aborted, it throws at once: what is on its way still arrives, in order.
 * @returns the position after the last byte
 */
export async function pipelinedWrite(
  session: Writer,
  body: AsyncIterable<Uint8Array>,
  plan: WritePlan,
): Promise<number> {
  const writes = new Writes(session, plan);
  session.busy.writes++;
  try {
    for await (const block of blocksOf(takeUntilAborted(body, plan.signal), session.abilities.writeBytes))
      await writes.add(block);
  } catch (error) {
    if (!plan.signal.aborted) await writes.settled();
    throw error;
  } finally {
    session.busy.writes--;
  }
  plan.onSent?.(writes.sent);
  await writes.settled();
  writes.throwFailure();
  return writes.end;
}

/** A WRITE on its way. */
interface Write {
  readonly end: number;
  acknowledged: boolean;
}

class Writes {
  readonly #session: Writer;
  readonly #plan: WritePlan;
  /** In the order of the file; the first is the oldest that is not acknowledged. */
  readonly #queue: Write[] = [];
  #outstanding = 0;
  sent = 0;
  #failure: { readonly error: unknown } | undefined;
  /** Called whenever a WRITE is answered. */
  #wake = () => {};
  end: number;

  constructor(session: Writer, plan: WritePlan) {
    this.#session = session;
    this.#plan = plan;
    this.end = plan.start;
  }

  /** Sends a WRITE, and waits until another may be added. `block` may be used again right after the call. */
  async add(block: Buffer): Promise<void> {
    const { lanes } = this.#plan;
    this.#send(block, lanes.idlest);
    while (lanes.idlest.outstanding >= this.#share) {
      lanes.grow(() => this.#wake());
      await this.#answer();
    }
    this.throwFailure();
  }

  /** WRITEs that may be outstanding on each channel. */
  get #share(): number {
    const { abilities, busy } = this.#session;
    return Math.max(2, Math.floor(abilities.outstandingWrites / busy.writes));
  }

  async settled(): Promise<void> {
    while (this.#outstanding > 0) await this.#answer();
  }

  throwFailure(): void {
    if (this.#failure) throw this.#failure.error;
  }

  #send(block: Buffer, lane: WriteLane): void {
    const { path, signal } = this.#plan;
    const position = this.end;
    this.end += block.length;
    this.#outstanding++;
    this.sent++;
    lane.outstanding++;
    const write: Write = { end: this.end, acknowledged: false };
    this.#queue.push(write);
    lane.session
      .write(lane.handle, block, position, { doing: 'write to', path, signal })
      .then(() => this.#acknowledge(write))
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        this.#outstanding--;
        lane.outstanding--;
        this.#wake();
      });
  }

  /** Answers may come in any order; progress is what has no hole. */
  #acknowledge(write: Write): void {
    write.acknowledged = true;
    let prefix: number | undefined;
    while (this.#queue[0]?.acknowledged) prefix = this.#queue.shift()?.end;
    if (prefix !== undefined) this.#plan.onProgress?.(prefix);
  }

  #answer(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

/** Cuts and merges chunks to blocks of `size` bytes, and a last one of the rest. A block is valid until the next. */
async function* blocksOf(chunks: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Buffer> {
  /** Less than a block: a chunk as it came, or several in `merged`. */
  let held: Buffer = Buffer.alloc(0);
  let merged: Buffer | undefined;
  for await (const chunk of chunks) {
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    if (held.length > 0) {
      merged ??= Buffer.allocUnsafeSlow(size);
      if (held.buffer !== merged.buffer) held.copy(merged);
      const taken = rest.copy(merged, held.length);
      held = merged.subarray(0, held.length + taken);
      rest = rest.subarray(taken);
      if (held.length < size) continue;
      yield held;
    }
    // Whole blocks are passed on as they are.
    for (; rest.length >= size; rest = rest.subarray(size)) yield rest.subarray(0, size);
    held = rest;
  }
  if (held.length > 0) yield held;
}
