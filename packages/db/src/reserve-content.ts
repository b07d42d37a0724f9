import { type Id, isFinal, runStates } from '@waybill/domain';
import type { Database } from './client.js';
import type { Fence } from './runs.js';
import { type Transaction, transaction } from './transaction.js';

export interface Content {
  /** Of the source's bytes, hex. */
  readonly sha256: string;
  readonly withinDays: number;
}

/** Another delivery of the same content to the same partner. */
export interface ContentTwin {
  readonly runId: Id;
  readonly transferName: string;
  readonly sourcePath: string;
  readonly targetPath: string;
  /** `undefined`: it is about to be. */
  readonly deliveredAt: Date | undefined;
}

/**
 * Reserves the content for the delivery, unless another one has delivered it within so many days to the same partner (to
 * the same endpoint where it has none), or has reserved it in a run that is not over. Of any number at the same time, one
 * gets it.
 */
export async function reserveContent(
  database: Database,
  fence: Fence,
  deliveryId: Id,
  content: Content,
): Promise<'superseded' | 'reserved' | ContentTwin> {
  return await transaction(database, async (tx) => {
    const place = await lockContent(tx, fence.runId, content.sha256);
    const twin = await findTwin(tx, place, deliveryId, content);
    if (twin) return twin;
    const reserved = await tx.$executeRaw`
      update delivery set reserved_sha256 = ${content.sha256}, epoch = ${fence.epoch}
      where id = ${deliveryId}::uuid and run_id = ${fence.runId}::uuid and exists (
        select 1 from run where id = ${fence.runId}::uuid and epoch = ${fence.epoch}
          and lease_owner = ${fence.workerId}::uuid and state = 'running' for share)`;
    return reserved === 1 ? 'reserved' : 'superseded';
  });
}

interface Place {
  readonly endpointId: Id;
  readonly partnerId: Id | null;
}

/** Whoever asks for the same content to the same place meanwhile waits until this transaction has ended. */
async function lockContent(tx: Transaction, runId: Id, sha256: string): Promise<Place> {
  const [place] = await tx.$queryRaw<Place[]>`
    select e.id as "endpointId", e.partner_id as "partnerId" from run r
    join transfer_version v on v.id = r.transfer_version_id join endpoint e on e.id = v.target_endpoint_id
    where r.id = ${runId}::uuid`;
  if (!place) throw new Error(`run ${runId} has no target endpoint`);
  const key = `${place.partnerId ?? place.endpointId} ${sha256}`;
  await tx.$executeRaw`select pg_advisory_xact_lock(hashtextextended(${key}, 0))`;
  return place;
}

async function findTwin(
  tx: Transaction,
  { endpointId, partnerId }: Place,
  deliveryId: Id,
  { sha256, withinDays }: Content,
): Promise<ContentTwin | undefined> {
  const rows = await tx.$queryRaw<(Omit<ContentTwin, 'deliveredAt'> & { deliveredAt: Date | null })[]>`
    with same as (
      select d.* from delivery d
      where d.delivered_at > now() - make_interval(days => ${withinDays}::int)
        and coalesce(d.source_sha256, d.sha256) = ${sha256}
      union all
      select d.* from delivery d join run r on r.id = d.run_id
      where d.delivered_at is null and d.reserved_sha256 = ${sha256} and d.state in ('moving', 'unknown')
        and not r.state = any(${runStates.filter(isFinal)}))
    select d.run_id as "runId", t.name as "transferName", d.source_path as "sourcePath",
      d.target_path as "targetPath", d.delivered_at as "deliveredAt"
    from same d join run r on r.id = d.run_id join transfer t on t.id = r.transfer_id
    join transfer_version v on v.id = r.transfer_version_id join endpoint e on e.id = v.target_endpoint_id
    where d.id <> ${deliveryId}::uuid and (e.id = ${endpointId}::uuid or e.partner_id = ${partnerId}::uuid)
    order by d.delivered_at desc nulls last limit 1`;
  const [twin] = rows;
  return twin && { ...twin, deliveredAt: twin.deliveredAt ?? undefined };
}
