import {
  type Assurance,
  type DeliveryState,
  type Failure,
  type Id,
  isFinal,
  newId,
  type RemotePath,
  runStates,
  type SeenAnswer,
  type Transformed,
  type TransformStage,
} from '@waybill/domain';
import { clientOf, type Db } from './db.js';
import { enterDelivered, touchDelivered } from './delivered-files.js';
import { Prisma, type Delivery as Row } from './generated/client.js';
import { type Page, type Paged, paged } from './page.js';
import type { Fence } from './runs.js';
import { defined, failureColumns, toFailure, toNumber } from './values.js';

/** One file of a run. Sizes in bytes, hashes as hex. */
export interface Delivery {
  readonly id: Id;
  readonly runId: Id;
  /** As listed; for a refused name its printable form. */
  readonly sourcePath: string;
  readonly targetPath: string;
  readonly partPath: RemotePath | undefined;
  /** We made the file at `partPath`, under a name that somebody else's could have as well. */
  readonly claimed: boolean;
  /** Of the source. */
  readonly size: number;
  /** Of what is at the target, or about to be: `size`, unless transforms changed the file. */
  readonly targetSize: number;
  /** Of a file that transforms have changed. */
  readonly transformed: Transformed | undefined;
  readonly sourceModifiedAt: Date | undefined;
  readonly state: DeliveryState;
  /** A prefix that the target has acknowledged: where the next attempt may continue. */
  readonly checkpoint: { readonly bytes: number; readonly sha256: string } | undefined;
  readonly resumedFrom: number;
  /** The whole whose rename onto the final name may have been asked for. */
  readonly committing: PlacedFile | undefined;
  /** Of what is at the target. */
  readonly sha256: string | undefined;
  /** As in {@link WholeFile}. */
  readonly checksum: string | undefined;
  readonly assurance: Assurance;
  readonly deliveredAt: Date | undefined;
  /** Answers of the partner that say nothing of the delivery, or nothing more. */
  readonly answersSeen: readonly SeenAnswer[] | undefined;
  /** Since when the partner's acknowledgement is waited for. */
  readonly awaitedSince: Date | undefined;
  readonly acknowledgedAt: Date | undefined;
  /** Was all done that follows the delivery: checksum file, acknowledgement, disposition of the source? */
  readonly disposed: boolean;
  readonly disposedAt: Date | undefined;
  /** The epoch of the attempt that wrote last. */
  readonly epoch: number;
  /** Of a failed or unknown one, and of a delivered one that the partner has not acknowledged. */
  readonly failure: Failure | undefined;
  readonly skippedBecause: string | undefined;
  /** A person has decided that its content is delivered, although it was before. */
  readonly duplicateAllowed: boolean;
  readonly startedAt: Date | undefined;
  readonly createdAt: Date;
}

export interface NewDelivery {
  readonly sourcePath: string;
  readonly targetPath: string;
  readonly size: number;
  readonly sourceModifiedAt: Date | undefined;
  /** Content that is written from now on shows another size or time. */
  readonly steady?: boolean;
  /** Given for a file that can't be moved at all. */
  readonly failure?: Failure;
}

export interface WholeFile {
  readonly bytes: number;
  readonly sha256: string;
  readonly assurance: Assurance;
  /** Of the same bytes, by the algorithm of the target's checksum files where that is not SHA-256. */
  readonly checksum?: string | undefined;
  /** Left out of a file that arrives as it was read. */
  readonly transformed?: Transformed | undefined;
  /** Of one that is appended: length and SHA-256 of the target's file before. */
  readonly joined?: { readonly bytes: number; readonly sha256: string } | undefined;
}

/** A whole file and the final name that it is to get or has got. */
export interface PlacedFile extends WholeFile {
  readonly targetPath: RemotePath;
  /** What lay under the names of the partner's answers before. */
  readonly answersSeen?: readonly SeenAnswer[] | undefined;
}

/** All of a run, in the order of their selection. */
export async function deliveriesOfRun(db: Db, runId: Id): Promise<Delivery[]> {
  const rows = await clientOf(db).delivery.findMany({ where: { runId }, orderBy: { id: 'asc' } });
  return rows.map(toDelivery);
}

/** In the order of their selection; `after` is an id. */
export async function listDeliveries(
  db: Db,
  { limit, after }: Page,
  filter: { readonly runId?: Id | undefined; readonly state?: DeliveryState | undefined } = {},
): Promise<Paged<Delivery>> {
  const rows = await clientOf(db).delivery.findMany({
    where: {
      ...defined(filter),
      ...defined({ id: after === undefined ? undefined : { gt: after } }),
    },
    orderBy: { id: 'asc' },
    take: limit + 1,
  });
  return paged(rows, limit, (row) => row.id, toDelivery);
}

/** Why the first of a run's deliveries whose outcome is unknown is so. */
export async function findUnknownOutcome(db: Db, runId: Id): Promise<Failure | undefined> {
  const row = await clientOf(db).delivery.findFirst({
    where: { runId, state: 'unknown' },
    orderBy: { id: 'asc' },
  });
  return row ? toFailure(row) : undefined;
}

/**
 * Source paths of the deliveries whose ids end in one of `tags`, by tag, where the transfer's run is at its end: such a
 * run claims nothing any more.
 */
export async function claimsOfEndedRuns(
  db: Db,
  transferId: Id,
  tags: readonly string[],
): Promise<Map<string, RemotePath>> {
  const rows = await clientOf(db).$queryRaw<{ tag: string; source_path: RemotePath }[]>`
    select right(d.id::text, 12) as tag, d.source_path from delivery d join run r on r.id = d.run_id
    where r.transfer_id = ${transferId}::uuid and r.state = any(${runStates.filter(isFinal)})
      and right(d.id::text, 12) = any(${[...tags]})`;
  return new Map(rows.map(({ tag, source_path }) => [tag, source_path]));
}

/** May the attempt still act? This and each write below: false if the run is no longer this attempt's. */
export async function checkFence(db: Db, fence: Fence): Promise<boolean> {
  const rows = await clientOf(db).$queryRaw<unknown[]>`select 1 where ${held(fence)}`;
  return rows.length === 1;
}

/** Records newly selected files; one whose source path is known already keeps its record. */
export async function selectDeliveries(
  db: Db,
  fence: Fence,
  files: readonly NewDelivery[],
): Promise<boolean> {
  // Ids of one millisecond are in no order: sorted, they keep the order of selection.
  const ids = files.map(() => newId()).sort();
  const rows = await clientOf(db).$queryRaw<{ kept: boolean }[]>`
    with fence as materialized (select 1 where ${held(fence)}),
    added as (
      insert into delivery (id, run_id, source_path, target_path, size, source_modified_at, steady, state, failure_code,
                            failure_message, failure_owner, epoch)
      select f.id, ${fence.runId}::uuid, f.source_path, f.target_path, f.size, f.modified_at, f.steady,
             case when f.code is null then 'selected' else 'failed' end, f.code, f.message, f.owner, ${fence.epoch}
      from unnest(${ids}::uuid[], ${files.map((file) => file.sourcePath)}::text[],
                  ${files.map((file) => file.targetPath)}::text[], ${files.map((file) => BigInt(file.size))}::bigint[],
                  ${files.map((file) => file.sourceModifiedAt?.toISOString() ?? null)}::timestamptz[],
                  ${files.map((file) => file.steady ?? false)}::boolean[],
                  ${files.map((file) => file.failure?.code ?? null)}::text[],
                  ${files.map((file) => file.failure?.message ?? null)}::text[],
                  ${files.map((file) => file.failure?.owner ?? null)}::text[])
           as f(id, source_path, target_path, size, modified_at, steady, code, message, owner)
      where exists (select 1 from fence)
      on conflict (run_id, source_path) do nothing)
    select exists (select 1 from fence) as kept`;
  return rows[0]?.kept === true;
}

/**
 * The file was seen again with another size or time: what is known of its bytes is forgotten. The name of its part file
 * is kept, and whether it is ours, so that what lies there can be overwritten or removed.
 */
export async function reselectDelivery(db: Db, fence: Fence, id: Id, file: NewDelivery): Promise<boolean> {
  return await write(
    db,
    fence,
    id,
    Prisma.sql`size = ${BigInt(file.size)}::bigint,
      source_modified_at = ${file.sourceModifiedAt ?? null}::timestamptz, steady = ${file.steady ?? false},
      state = ${file.failure ? 'failed' : 'selected'}, checkpoint_bytes = 0,
      checkpoint_sha256 = null, resumed_from = 0, committing_at = null, reserved_sha256 = null, ${wholeColumns(undefined)}, ${failureColumns(file.failure)}`,
  );
}

/** The bytes begin to move, towards this final name. A checkpoint beyond `resumedFrom` is void. */
export async function markMoving(
  db: Db,
  fence: Fence,
  id: Id,
  step: { readonly partPath: RemotePath; readonly targetPath: RemotePath; readonly resumedFrom: number },
): Promise<boolean> {
  const { partPath, targetPath } = step;
  const bytes = BigInt(step.resumedFrom);
  return await write(
    db,
    fence,
    id,
    Prisma.sql`state = 'moving', part_path = ${partPath}, target_path = ${targetPath}, resumed_from = ${bytes}::bigint,
      checkpoint_bytes = case when checkpoint_bytes <= ${bytes}::bigint then checkpoint_bytes else 0 end,
      checkpoint_sha256 = case when checkpoint_bytes <= ${bytes}::bigint then checkpoint_sha256 end,
      committing_at = null, reserved_sha256 = null, ${wholeColumns(undefined)},
      ${failureColumns(undefined)}, started_at = coalesce(started_at, now())`,
  );
}

/** Whether the file at the part path is ours, where its name alone does not tell. */
export async function markClaimed(db: Db, fence: Fence, id: Id, claimed: boolean): Promise<boolean> {
  return await write(db, fence, id, Prisma.sql`part_claimed = ${claimed}`);
}

export async function saveCheckpoint(
  db: Db,
  fence: Fence,
  id: Id,
  { bytes, sha256 }: { readonly bytes: number; readonly sha256: string },
): Promise<boolean> {
  return await write(
    db,
    fence,
    id,
    Prisma.sql`checkpoint_bytes = ${BigInt(bytes)}::bigint, checkpoint_sha256 = ${sha256}`,
  );
}

/** The whole file is on the target under its part name and is about to be renamed, or appended. */
export async function markCommitting(db: Db, fence: Fence, id: Id, placed: PlacedFile): Promise<boolean> {
  const { bytes, sha256, targetPath, answersSeen } = placed;
  return await write(
    db,
    fence,
    id,
    Prisma.sql`committing_at = now(), committing_path = ${targetPath},
      ${answerColumns(answersSeen)}, checkpoint_bytes = ${BigInt(bytes)}::bigint,
      checkpoint_sha256 = ${sha256}, ${wholeColumns(placed)}`,
  );
}

/** In the same statement it becomes the newest entry of its path in the transfer's ledger. */
export async function markDelivered(db: Db, fence: Fence, id: Id, placed: PlacedFile): Promise<boolean> {
  const { bytes, transformed, targetPath } = placed;
  // What transforms made has a size of its own: the source keeps the one that it is recognised by.
  const size = transformed ? Prisma.empty : Prisma.sql`size = ${BigInt(bytes)}::bigint,`;
  return await writeAndEnter(
    db,
    fence,
    id,
    Prisma.sql`state = 'delivered', part_claimed = false, target_path = ${targetPath},
      delivered_at = coalesce(delivered_at, now()), ${size} ${wholeColumns(placed)}, ${failureColumns(undefined)}`,
    enterDelivered,
  );
}

/** The acknowledgement is waited for since then, or since earlier if that is on record. */
export async function markAwaiting(db: Db, fence: Fence, id: Id, since: Date): Promise<boolean> {
  return await write(
    db,
    fence,
    id,
    Prisma.sql`awaited_since = coalesce(awaited_since, ${since}::timestamptz)`,
  );
}

export async function markAcknowledged(
  db: Db,
  fence: Fence,
  id: Id,
  answersSeen: readonly SeenAnswer[],
): Promise<boolean> {
  return await write(
    db,
    fence,
    id,
    Prisma.sql`acknowledged_at = now(), assurance = 'acknowledged', ${answerColumns(answersSeen)}`,
  );
}

/** It stays delivered, and is no longer waited for. */
export async function markUnacknowledged(
  db: Db,
  fence: Fence,
  id: Id,
  failure: Failure,
  answersSeen: readonly SeenAnswer[],
): Promise<boolean> {
  return await write(db, fence, id, Prisma.sql`${failureColumns(failure)}, ${answerColumns(answersSeen)}`);
}

/** How many files of a run the partner has acknowledged, and how many were waited for. */
export async function countAcknowledged(
  db: Db,
  runId: Id,
): Promise<{ readonly acknowledged: number; readonly awaited: number }> {
  const rows = await clientOf(db).$queryRaw<{ acknowledged: number; awaited: number }[]>`
    select count(acknowledged_at)::int as acknowledged, count(awaited_since)::int as awaited
    from delivery where run_id = ${runId}::uuid`;
  return rows[0] ?? { acknowledged: 0, awaited: 0 };
}

export async function markDisposed(db: Db, fence: Fence, id: Id): Promise<boolean> {
  return await write(db, fence, id, Prisma.sql`disposed_at = now()`);
}

export async function markSkipped(db: Db, fence: Fence, id: Id, reason: string): Promise<boolean> {
  return await write(
    db,
    fence,
    id,
    Prisma.sql`state = 'skipped', failure_code = null, failure_owner = null, failure_message = ${reason}`,
  );
}

/** Skipped as what was delivered before; in the same statement its entry in the transfer's ledger gets the file's time. */
export async function markSkippedAsSeen(db: Db, fence: Fence, id: Id, reason: string): Promise<boolean> {
  return await writeAndEnter(
    db,
    fence,
    id,
    Prisma.sql`state = 'skipped', failure_code = null, failure_owner = null, failure_message = ${reason}`,
    touchDelivered,
  );
}

export async function markFailed(
  db: Db,
  fence: Fence,
  id: Id,
  failure: Failure,
  state: 'failed' | 'unknown',
): Promise<boolean> {
  return await write(db, fence, id, Prisma.sql`state = ${state}, ${failureColumns(failure)}`);
}

/**
 * Gives the failed files of a run another chance; those that failed as duplicates are delivered this time. What can't be moved at all stays failed; one that had arrived before something
 * failed is delivered and has its disposition before it; an unknown one stays so, for the engine to look.
 */
export async function reviveFailedDeliveries(db: Db, runId: Id): Promise<{ duplicatesAllowed: number }> {
  const rows = await clientOf(db).$queryRaw<{ duplicates: number }[]>`
    with failed as (
      select id, failure_code from delivery
      where run_id = ${runId}::uuid and state = 'failed' and failure_code <> 'path-refused' and target_path <> ''),
    revived as (
      update delivery d set state = case when delivered_at is null then 'selected' else 'delivered' end,
        duplicate_allowed = duplicate_allowed or f.failure_code = 'duplicate-content', ${failureColumns(undefined)}
      from failed f where d.id = f.id
      returning f.failure_code)
    select count(*) filter (where failure_code = 'duplicate-content')::int as duplicates from revived`;
  return { duplicatesAllowed: rows[0]?.duplicates ?? 0 };
}

/** What the partner has not acknowledged is waited for anew. */
export async function awaitAgain(db: Db, runId: Id): Promise<void> {
  await clientOf(db).$executeRaw`
    update delivery set awaited_since = now(), ${failureColumns(undefined)}
    where run_id = ${runId}::uuid and state = 'delivered' and awaited_since is not null and acknowledged_at is null`;
}

function answerColumns(seen: readonly SeenAnswer[] | undefined): Prisma.Sql {
  return Prisma.sql`answers_seen = ${seen ? JSON.stringify(seen) : null}::jsonb`;
}

function toAnswers(stored: Row['answersSeen']): readonly SeenAnswer[] | undefined {
  const seen = stored as readonly (Omit<SeenAnswer, 'modifiedAt'> & { modifiedAt: string })[] | null;
  return seen?.map((answer) => ({ ...answer, modifiedAt: new Date(answer.modifiedAt) }));
}

function wholeColumns(whole: WholeFile | undefined): Prisma.Sql {
  const { sha256 = null, checksum = null, assurance = 'none', joined } = whole ?? {};
  const joinedBytes = joined ? BigInt(joined.bytes) : null;
  return Prisma.sql`sha256 = ${sha256}, checksum = ${checksum}, assurance = ${assurance},
      joined_bytes = ${joinedBytes}::bigint, joined_sha256 = ${joined?.sha256 ?? null}, ${transformedColumns(whole)}`;
}

function transformedColumns(whole: WholeFile | undefined): Prisma.Sql {
  const transformed = whole?.transformed;
  if (!transformed) return Prisma.sql`source_sha256 = null, target_size = null, stages = null`;
  return Prisma.sql`source_sha256 = ${transformed.sourceSha256}, target_size = ${BigInt(whole.bytes)}::bigint,
      stages = ${JSON.stringify(transformed.stages)}::jsonb`;
}

async function write(db: Db, fence: Fence, id: Id, values: Prisma.Sql): Promise<boolean> {
  const written = await clientOf(db).$executeRaw`
    update delivery set ${values}, epoch = ${fence.epoch}
    where id = ${id}::uuid and run_id = ${fence.runId}::uuid and ${held(fence)}`;
  return written === 1;
}

/** @param entry a statement of the ledger, over the row as it is `written` now */
async function writeAndEnter(
  db: Db,
  fence: Fence,
  id: Id,
  values: Prisma.Sql,
  entry: Prisma.Sql,
): Promise<boolean> {
  const rows = await clientOf(db).$queryRaw<{ kept: boolean }[]>`
    with written as (
      update delivery set ${values}, epoch = ${fence.epoch}
      where id = ${id}::uuid and run_id = ${fence.runId}::uuid and ${held(fence)}
      returning run_id, source_path, size, source_modified_at, steady,
        coalesce(source_sha256, sha256) as source_sha256, delivered_at),
    entered as (${entry})
    select exists (select 1 from written) as kept`;
  return rows[0]?.kept === true;
}

/** The lock makes a rescue, which updates the run, wait for the write and the write fail after the rescue. */
function held({ runId, epoch, workerId }: Fence): Prisma.Sql {
  return Prisma.sql`exists (
    select 1 from run where id = ${runId}::uuid and epoch = ${epoch} and lease_owner = ${workerId}::uuid
      and state = 'running' for share)`;
}

function toDelivery(row: Row): Delivery {
  const {
    checkpointBytes,
    checkpointSha256,
    committingAt,
    committingPath,
    failureCode,
    failureMessage,
    failureOwner,
    sourceSha256,
    stages,
    partClaimed,
    joinedBytes,
    joinedSha256,
    ...others
  } = row;
  const assurance = row.assurance as Assurance;
  const bytes = toNumber(checkpointBytes);
  const checksum = row.checksum ?? undefined;
  const answersSeen = toAnswers(row.answersSeen);
  const joined =
    joinedBytes === null || joinedSha256 === null
      ? undefined
      : { bytes: toNumber(joinedBytes), sha256: joinedSha256 };
  const transformed =
    sourceSha256 === null
      ? undefined
      : { sourceSha256, stages: stages as unknown as readonly TransformStage[] };
  return {
    ...others,
    partPath: (row.partPath ?? undefined) as RemotePath | undefined,
    claimed: partClaimed,
    size: toNumber(row.size),
    targetSize: toNumber(row.targetSize ?? row.size),
    transformed,
    sourceModifiedAt: row.sourceModifiedAt ?? undefined,
    state: row.state as DeliveryState,
    checkpoint: checkpointSha256 === null ? undefined : { bytes, sha256: checkpointSha256 },
    resumedFrom: toNumber(row.resumedFrom),
    committing:
      committingAt && row.sha256 !== null
        ? {
            ...{ bytes, sha256: row.sha256, checksum, assurance, transformed, joined },
            // A row of an earlier release does not say: then the wanted name was the only one.
            targetPath: (committingPath ?? row.targetPath) as RemotePath,
            answersSeen,
          }
        : undefined,
    sha256: row.sha256 ?? undefined,
    checksum,
    assurance,
    deliveredAt: row.deliveredAt ?? undefined,
    answersSeen,
    awaitedSince: row.awaitedSince ?? undefined,
    acknowledgedAt: row.acknowledgedAt ?? undefined,
    disposed: row.disposedAt !== null,
    disposedAt: row.disposedAt ?? undefined,
    failure: toFailure(row),
    skippedBecause: row.state === 'skipped' ? (failureMessage ?? undefined) : undefined,
    startedAt: row.startedAt ?? undefined,
  };
}
