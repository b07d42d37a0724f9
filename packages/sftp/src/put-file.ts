import type { RemotePath } from '@waybill/domain';
import { type FileInfo, type PutOptions, StorageError } from '@waybill/storage';
import { fileInfo } from './attributes.js';
import { Status, statusOf } from './errors.js';
import { pipelinedWrite } from './pipelined-write.js';
import type { Session } from './session.js';
import type { Attributes } from './wire/messages.js';
import { type Channels, WriteLanes } from './write-lanes.js';

export interface PutPlan extends PutOptions {
  readonly channels: Channels;
  readonly path: RemotePath;
  /** The same as the server knows it. */
  readonly absolute: string;
}

/** Flags of SSH_FXP_OPEN. */
const WRITE = 0x02;
const CREATE = 0x08;
const TRUNCATE = 0x10;

/** Writes a file, makes it durable where the server can, and asks what it then holds. */
export async function putFile(
  session: Session,
  body: AsyncIterable<Uint8Array>,
  plan: PutPlan,
): Promise<FileInfo> {
  const { start = 0, signal, absolute: path } = plan;
  if (start > 0 && session.abilities.quirks.emptiesOnOpen)
    throw new StorageError(
      'unsupported',
      `${path} on ${session.where} can't be continued from byte ${start}: this server empties files that are opened ` +
        'for writing. Send the whole file',
    );
  // Not for reading: many drop boxes let nobody read.
  const flags = start > 0 ? WRITE : WRITE | CREATE | TRUNCATE;
  const handle = await session.open(flags, { doing: 'open for writing', path, signal });
  const lanes = new WriteLanes(
    { session, handle, outstanding: 0 },
    { channels: plan.channels, path, signal },
  );
  let open = true;
  try {
    if (start > 0) await cutTo(session, handle, start, plan);
    await writeBody(session, lanes, body, plan);
    const [before] = await Promise.all([makeDurable(session, handle, plan), lanes.close()]);
    open = false;
    return await closeAndLook(session, handle, before, plan);
  } finally {
    if (open) {
      const closed = Promise.all([session.closeQuietly(handle, path), lanes.closeQuietly()]);
      if (!signal.aborted) await closed;
    }
  }
}

/** Prepares a file for being continued. */
async function cutTo(session: Session, handle: Buffer, start: number, plan: PutPlan): Promise<void> {
  const { signal, absolute: path } = plan;
  const { size } = fileInfo(
    plan.path,
    await session.fstat(handle, { doing: 'look at', path, signal }),
    session.where,
  );
  if (size < start)
    throw new StorageError(
      'corrupted',
      `${path} on ${session.where} holds ${size} bytes and can't be continued from byte ${start}`,
    );
  if (size === start) return;
  // Refused, what lies behind is written over; if more of it stays, the size that is told in the end shows it.
  await session.truncate(handle, start, { doing: 'cut', path, signal }).catch(unlessRefused);
}

/** After a failure, cuts the file to what has no hole, so that its size tells from where it may be continued. */
async function writeBody(
  session: Session,
  lanes: WriteLanes,
  body: AsyncIterable<Uint8Array>,
  { start = 0, signal, absolute: path, onProgress }: PutPlan,
): Promise<void> {
  let acknowledged = start;
  const onPrefix = (bytes: number) => {
    acknowledged = bytes;
    onProgress?.(bytes);
  };
  try {
    await pipelinedWrite(session, body, { lanes, path, start, signal, onProgress: onPrefix });
  } catch (error) {
    // Best effort: the failure on its way says more than that the cut failed too. Aborted, no WRITE is left out.
    if (!signal.aborted)
      await session
        .truncate(lanes.first.handle, acknowledged, { doing: 'cut', path, signal })
        .catch(() => {});
    throw error;
  }
}

/** @returns what the server says of the file before it is closed; undefined if it does not say */
async function makeDurable(session: Session, handle: Buffer, plan: PutPlan): Promise<Attributes | undefined> {
  const { signal, absolute: path } = plan;
  const synced = session.abilities.fsync
    ? session.fsync(handle, { doing: 'flush', path, signal }).catch(unlessUnsupported)
    : undefined;
  // Asked for at the same time, to save a round trip. Denied: then the look after closing must do.
  const looked = session.fstat(handle, { doing: 'look at', path, signal }).catch(() => undefined);
  await synced;
  return looked;
}

/** Object stores and drop boxes let nobody set attributes. */
function unlessRefused(error: unknown): void {
  if (!(error instanceof StorageError) || statusOf(error.cause) === undefined) throw error;
}

function unlessUnsupported(error: unknown): void {
  if (error instanceof StorageError && statusOf(error.cause) === Status.unsupported) return;
  throw error;
}

/**
 * Closes and looks at the file, in one round trip. A server that takes the file away on closing, or lets nobody look,
 * is believed what it said before.
 */
async function closeAndLook(
  session: Session,
  handle: Buffer,
  before: Attributes | undefined,
  { path, absolute, signal }: PutPlan,
): Promise<FileInfo> {
  const closing = session.close(handle, { doing: 'close', path: absolute, signal });
  const looking = session.lstat({ doing: 'look at', path: absolute, signal }).catch((error: unknown) => {
    if (before === undefined || signal.aborted) throw error;
    return before;
  });
  const [, stats] = await Promise.all([closing, looking]);
  return fileInfo(path, stats, session.where);
}
