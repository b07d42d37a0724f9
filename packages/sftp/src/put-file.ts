import type { RemotePath } from '@waybill/domain';
import { type FileInfo, type PutOptions, StorageError } from '@waybill/storage';
import { fileInfo } from './attributes.js';
import { isAnswer, isStatus, Status } from './errors.js';
import { pipelinedWrite, type WritePlan } from './pipelined-write.js';
import type { Session } from './session.js';
import { type Channels, WriteLanes } from './write-lanes.js';

export interface PutPlan extends PutOptions {
  readonly channels: Channels;
  /** A file that is there can be continued. */
  readonly continues: boolean;
  readonly path: RemotePath;
  /** The same as the server knows it. */
  readonly absolute: string;
  /** Told once the file is open: from then on it is no other one that is in the way. */
  readonly onOpened: () => void;
}

/** Flags of SSH_FXP_OPEN. */
const WRITE = 0x02;
const CREATE = 0x08;
const TRUNCATE = 0x10;
const EXCLUSIVE = 0x20;

/** Writes a file, makes it durable where the server can, and asks what it then holds. */
export async function putFile(
  session: Session,
  body: AsyncIterable<Uint8Array>,
  plan: PutPlan,
): Promise<FileInfo> {
  const { start = 0, fresh = false, signal, absolute: path } = plan;
  if (start > 0 && !plan.continues)
    throw new StorageError(
      'unsupported',
      `${path} on ${session.where} can't be continued from byte ${start}: this server does not continue files. ` +
        'Send the whole file',
    );
  // Not for reading: many drop boxes let nobody read.
  const made = fresh ? WRITE | CREATE | EXCLUSIVE : WRITE | CREATE | TRUNCATE;
  const flags = start > 0 ? WRITE : made;
  const handle = await session.open(flags, { doing: 'open for writing', path, signal });
  plan.onOpened();
  const lanes = new WriteLanes(
    { session, handle, outstanding: 0 },
    { channels: plan.channels, path, signal },
  );
  let finished: Promise<FileInfo> | undefined;
  const finish = () => {
    finished ??= closeAndLook(session, handle, lanes, plan);
    return finished;
  };
  try {
    if (start > 0) await cutTo(session, handle, start, plan);
    // Of a single block nothing has to be cut if it fails: the rest is asked for right behind it.
    const onSent = (blocks: number) => void (blocks > 1 || finish().catch(() => {}));
    await writeBody(session, lanes, body, { ...plan, onSent });
    return await finish();
  } finally {
    if (finished === undefined) {
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
  { start = 0, signal, absolute: path, onProgress, onSent }: PutPlan & Pick<WritePlan, 'onSent'>,
): Promise<void> {
  let acknowledged = start;
  const onPrefix = (bytes: number) => {
    acknowledged = bytes;
    onProgress?.(bytes);
  };
  try {
    await pipelinedWrite(session, body, { lanes, path, start, signal, onProgress: onPrefix, onSent });
  } catch (error) {
    // Best effort: the failure on its way says more than that the cut failed too. Aborted, no WRITE is left out.
    if (!signal.aborted)
      await session
        .truncate(lanes.first.handle, acknowledged, { doing: 'cut', path, signal })
        .catch(() => {});
    throw error;
  }
}

/** Object stores and drop boxes let nobody set attributes. */
function unlessRefused(error: unknown): void {
  if (!isAnswer(error)) throw error;
}

function unlessUnsupported(error: unknown): void {
  if (isStatus(error, Status.unsupported)) return;
  throw error;
}

/**
 * Makes the file durable, closes it and looks at it, all in one round trip: a server carries out the requests that
 * concern one file in their order (draft-ietf-secsh-filexfer-02, section 6.1). One that takes the file away on closing,
 * or lets nobody look, is believed what it said before.
 */
async function closeAndLook(
  session: Session,
  handle: Buffer,
  lanes: WriteLanes,
  { path, absolute, signal }: PutPlan,
): Promise<FileInfo> {
  const about = (doing: string) => ({ doing, path: absolute, signal });
  const durable = session.abilities.fsync
    ? session.fsync(handle, about('flush')).catch(unlessUnsupported)
    : undefined;
  const before = session.fstat(handle, about('look at')).catch(() => undefined);
  const closed = session.close(handle, about('close'));
  const after = session.lstat(about('look at')).catch(async (error: unknown) => {
    if (signal.aborted) throw error;
    return (await before) ?? (error as Error);
  });
  const [stats] = await Promise.all([after, durable, closed, lanes.close()]);
  if (stats instanceof Error) throw unseen(stats, absolute, session.where);
  return fileInfo(path, stats, session.where);
}

function unseen(error: Error, path: string, where: string): Error {
  if (!isAnswer(error) || error.code === 'not-found') return error;
  return new StorageError(
    'unproven',
    `${path} on ${where} was written and closed without an error, but nobody may look at what arrived: ` +
      `${error.message}. Have the partner allow it, require "read-back" where reading is allowed, or set the ` +
      'minimum assurance of the endpoint to "none"',
    { cause: error },
  );
}
