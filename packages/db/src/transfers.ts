import { type Id, isId, type TransferDefinition, type TransferKind } from '@waybill/domain';
import { clientOf, type Db } from './db.js';
import type { Prisma } from './generated/client.js';
import { type Page, type Paged, paged } from './page.js';
import { defined } from './values.js';

/** A definition with what its current version says. */
export interface Transfer {
  readonly id: Id;
  readonly name: string;
  readonly kind: TransferKind;
  /** A disabled transfer makes no runs. */
  readonly enabled: boolean;
  /** The number of the version that new runs take. */
  readonly currentVersion: number;
  /** The id of that version. */
  readonly versionId: Id;
  readonly definition: TransferDefinition;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** An immutable revision of a transfer. */
export interface TransferVersion {
  readonly id: Id;
  readonly transferId: Id;
  readonly number: number;
  readonly definition: TransferDefinition;
  readonly createdAt: Date;
}

export interface TransferValues {
  readonly name: string;
  readonly kind: TransferKind;
  readonly enabled: boolean;
  readonly currentVersion: number;
}

/** The row alone: a version of the number `currentVersion` has to follow in the same transaction. */
export async function insertTransfer(db: Db, id: Id, values: TransferValues): Promise<void> {
  await clientOf(db).transfer.create({ data: { id, ...values } });
}

export async function saveTransfer(db: Db, id: Id, values: Partial<TransferValues>): Promise<void> {
  await clientOf(db).transfer.update({ where: { id }, data: { ...values, updatedAt: new Date() } });
}

export async function insertTransferVersion(
  db: Db,
  version: Omit<TransferVersion, 'createdAt'>,
): Promise<TransferVersion> {
  const { definition, ...others } = version;
  const row = await clientOf(db).transferVersion.create({
    data: {
      ...others,
      definition: definition as unknown as Prisma.InputJsonObject,
      sourceEndpointId: definition.source.endpointId,
      targetEndpointId: definition.target.endpointId,
    },
  });
  return toVersion(row);
}

export async function findTransfer(db: Db, idOrName: string): Promise<Transfer | undefined> {
  const client = clientOf(db);
  const where = isId(idOrName) ? { id: idOrName } : { name: idOrName };
  const row = await client.transfer.findUnique({ where });
  return row ? (await withVersions(db, [row]))[0] : undefined;
}

export async function findTransfersById(db: Db, ids: readonly Id[]): Promise<Map<Id, Transfer>> {
  const rows = await clientOf(db).transfer.findMany({ where: { id: { in: [...ids] } } });
  return new Map((await withVersions(db, rows)).map((transfer) => [transfer.id, transfer]));
}

/** Locks the rows in one order until the transaction ends, as {@link lockTransfer} does one. */
export async function lockTransfers(db: Db, ids: readonly Id[]): Promise<void> {
  await clientOf(db).$queryRaw`
    select 1 from transfer where id = any(${[...ids]}::uuid[]) order by id for no key update`;
}

/**
 * Locks the row until the transaction ends, so that versions are numbered one after the other. Rows that point at it
 * (new runs) may still be written.
 */
export async function lockTransfer(db: Db, id: Id): Promise<void> {
  await clientOf(db).$queryRaw`select 1 from transfer where id = ${id}::uuid for no key update`;
}

/** By name. */
export async function listTransfers(
  db: Db,
  { limit, after }: Page,
  filter: { readonly kind?: TransferKind | undefined; readonly enabled?: boolean | undefined } = {},
): Promise<Paged<Transfer>> {
  const rows = await clientOf(db).transfer.findMany({
    where: defined({
      kind: filter.kind,
      enabled: filter.enabled,
      name: after === undefined ? undefined : { gt: after },
    }),
    orderBy: { name: 'asc' },
    take: limit + 1,
  });
  const page = paged(
    rows,
    limit,
    (row) => row.name,
    (row) => row,
  );
  return { items: await withVersions(db, page.items), next: page.next };
}

/** Those whose current version reads from the endpoint, by name. */
export async function findTransfersFrom(db: Db, endpointId: Id): Promise<Transfer[]> {
  const client = clientOf(db);
  const ids = await client.$queryRaw<{ id: Id }[]>`
    select t.id from transfer t join transfer_version v on v.transfer_id = t.id and v.number = t.current_version
    where v.source_endpoint_id = ${endpointId}::uuid`;
  const where = { id: { in: ids.map(({ id }) => id) } };
  return await withVersions(db, await client.transfer.findMany({ where, orderBy: { name: 'asc' } }));
}

/** Those whose current version has transforms, by name. */
export async function findTransfersWithTransforms(db: Db): Promise<Transfer[]> {
  const client = clientOf(db);
  const ids = await client.$queryRaw<{ id: Id }[]>`
    select t.id from transfer t join transfer_version v on v.transfer_id = t.id and v.number = t.current_version
    where v.definition ? 'transforms'`;
  const where = { id: { in: ids.map(({ id }) => id) } };
  return await withVersions(db, await client.transfer.findMany({ where, orderBy: { name: 'asc' } }));
}

export async function findTransferVersion(db: Db, id: Id): Promise<TransferVersion | undefined> {
  const row = await clientOf(db).transferVersion.findUnique({ where: { id } });
  return row ? toVersion(row) : undefined;
}

/** Newest first; `after` is the number of a version. */
export async function listTransferVersions(
  db: Db,
  transferId: Id,
  { limit, after }: Page,
): Promise<Paged<TransferVersion>> {
  const rows = await clientOf(db).transferVersion.findMany({
    where: { transferId, ...(after !== undefined && { number: { lt: Number(after) } }) },
    orderBy: { number: 'desc' },
    take: limit + 1,
  });
  return paged(rows, limit, (row) => String(row.number), toVersion);
}

type Row = Prisma.TransferGetPayload<object>;
type VersionRow = Prisma.TransferVersionGetPayload<object>;

async function withVersions(db: Db, rows: readonly Row[]): Promise<Transfer[]> {
  if (rows.length === 0) return [];
  const versions = await clientOf(db).transferVersion.findMany({
    where: { OR: rows.map(({ id, currentVersion }) => ({ transferId: id, number: currentVersion })) },
  });
  const byTransfer = new Map(versions.map((version) => [version.transferId, toVersion(version)]));
  return rows.map((row) => {
    const version = byTransfer.get(row.id);
    if (!version) throw new Error(`transfer ${row.name} has no version ${row.currentVersion}`);
    return {
      ...row,
      kind: row.kind as TransferKind,
      versionId: version.id,
      definition: version.definition,
    };
  });
}

function toVersion(row: VersionRow): TransferVersion {
  const { id, transferId, number, createdAt } = row;
  return {
    id,
    transferId,
    number,
    definition: row.definition as unknown as TransferDefinition,
    createdAt,
  };
}
