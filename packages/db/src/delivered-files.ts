import type { Id, RemotePath } from '@waybill/domain';
import { clientOf, type Db } from './db.js';
import { Prisma } from './generated/client.js';
import { toNumber } from './values.js';

/** What a transfer delivered last from a path. */
export interface DeliveredFile {
  readonly path: RemotePath;
  /** Bytes. */
  readonly size: number;
  readonly modifiedAt: Date;
  /** Other content of the same size would have shown another time. */
  readonly steady: boolean;
  /** Hex, of the source's bytes. */
  readonly sha256: string;
  /** The run that delivered it; it may be gone. */
  readonly runId: Id;
  readonly deliveredAt: Date;
}

/** Whose ledger: of a transfer, at one source. */
export interface LedgerKey {
  readonly transferId: Id;
  readonly sourceEndpointId: Id;
}

/** Those of the paths from which the transfer has delivered a file. */
export async function findDeliveredFiles(
  db: Db,
  { transferId, sourceEndpointId }: LedgerKey,
  paths: readonly RemotePath[],
): Promise<DeliveredFile[]> {
  const rows = await clientOf(db).$queryRaw<(Omit<DeliveredFile, 'size'> & { size: bigint })[]>`
    select f.path, f.size, f.modified_at as "modifiedAt", f.steady, f.sha256, f.run_id as "runId",
           f.delivered_at as "deliveredAt"
    from unnest(${[...paths]}::text[]) as asked(path)
    join delivered_file f on f.path = asked.path
    where f.transfer_id = ${transferId}::uuid and f.source_endpoint_id = ${sourceEndpointId}::uuid`;
  return rows.map((row) => ({ ...row, size: toNumber(row.size) }));
}

/** Those of the paths that a run of the transfer other than `runId` has selected and not brought to an end. */
export async function findFilesUnderWay(
  db: Db,
  { transferId, sourceEndpointId, runId }: LedgerKey & { readonly runId: Id },
  paths: readonly RemotePath[],
): Promise<{ readonly path: RemotePath; readonly runId: Id }[]> {
  return await clientOf(db).$queryRaw`
    with open as materialized (
      select r.id from run r join transfer_version v on v.id = r.transfer_version_id
      where r.transfer_id = ${transferId}::uuid and r.id <> ${runId}::uuid
        and r.state in ('queued', 'running', 'held') and v.source_endpoint_id = ${sourceEndpointId}::uuid)
    select d.source_path as path, d.run_id as "runId"
    from open join delivery d on d.run_id = open.id
    where d.state in ('selected', 'moving', 'unknown') and d.source_path = any(${[...paths]}::text[])`;
}

/** Where a walk over a ledger goes on. */
export type LedgerPosition = Pick<DeliveredFile, 'path'> & { readonly sourceEndpointId: Id };

/** The next entries of the transfer's ledger behind `after`, at all of its sources, locked; at most `limit`. */
export async function lockDeliveredPaths(
  db: Db,
  transferId: Id,
  { after, limit }: { readonly after: LedgerPosition | undefined; readonly limit: number },
): Promise<LedgerPosition[]> {
  const behind = after
    ? Prisma.sql`and (source_endpoint_id, path) > (${after.sourceEndpointId}::uuid, ${after.path})`
    : Prisma.empty;
  return await clientOf(db).$queryRaw`
    select source_endpoint_id as "sourceEndpointId", path from delivered_file
    where transfer_id = ${transferId}::uuid ${behind}
    order by source_endpoint_id, path limit ${limit} for update`;
}

/** At all sources of the transfer. @returns how many there were */
export async function deleteDeliveredPath(db: Db, transferId: Id, path: string): Promise<number> {
  return await clientOf(db).$executeRaw`
    delete from delivered_file where transfer_id = ${transferId}::uuid and path = ${path}`;
}

/** @returns how many there were */
export async function deleteDeliveredFiles(
  db: Db,
  transferId: Id,
  files: readonly LedgerPosition[],
): Promise<number> {
  return await clientOf(db).$executeRaw`
    delete from delivered_file f
    using unnest(${files.map((file) => file.sourceEndpointId)}::uuid[], ${files.map(({ path }) => path)}::text[])
          as gone(source_endpoint_id, path)
    where f.transfer_id = ${transferId}::uuid and f.source_endpoint_id = gone.source_endpoint_id
      and f.path = gone.path`;
}

/** Part of a statement that has `written` the delivery as delivered. */
export const enterDelivered = Prisma.sql`
  insert into delivered_file (transfer_id, source_endpoint_id, path, size, modified_at, steady, sha256, run_id,
                              delivered_at)
  select r.transfer_id, v.source_endpoint_id, w.source_path, w.size, w.source_modified_at, w.steady, w.source_sha256, w.run_id,
         w.delivered_at
  from written w join run r on r.id = w.run_id join transfer_version v on v.id = r.transfer_version_id
  where w.source_modified_at is not null
  on conflict (transfer_id, source_endpoint_id, path) do update
  set size = excluded.size, modified_at = excluded.modified_at, steady = excluded.steady, sha256 = excluded.sha256,
      run_id = excluded.run_id, delivered_at = excluded.delivered_at`;

/** Part of a statement that has `written` the delivery as skipped: what was delivered before, under another time. */
export const touchDelivered = Prisma.sql`
  update delivered_file f set modified_at = w.source_modified_at, steady = w.steady
  from written w join run r on r.id = w.run_id join transfer_version v on v.id = r.transfer_version_id
  where f.transfer_id = r.transfer_id and f.source_endpoint_id = v.source_endpoint_id and f.path = w.source_path
    and f.size = w.size and w.source_modified_at is not null`;
