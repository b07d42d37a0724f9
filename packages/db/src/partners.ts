import { type Id, isId } from '@waybill/domain';
import { clientOf, type Db } from './db.js';
import { type Page, type Paged, paged } from './page.js';
import { defined } from './values.js';

/** The organisation or system that files are exchanged with. */
export interface Partner {
  readonly id: Id;
  /** Short and unique. */
  readonly name: string;
  readonly title: string;
  readonly notes: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface PartnerValues {
  readonly name: string;
  readonly title: string;
  readonly notes: string;
}

export async function insertPartner(db: Db, id: Id, values: PartnerValues): Promise<Partner> {
  return await clientOf(db).partner.create({ data: { id, ...values } });
}

export async function savePartner(db: Db, id: Id, values: Partial<PartnerValues>): Promise<Partner> {
  return await clientOf(db).partner.update({ where: { id }, data: { ...values, updatedAt: new Date() } });
}

export async function findPartner(db: Db, idOrName: string): Promise<Partner | undefined> {
  const where = isId(idOrName) ? { id: idOrName } : { name: idOrName };
  return (await clientOf(db).partner.findUnique({ where })) ?? undefined;
}

/** By name. */
export async function listPartners(db: Db, { limit, after }: Page): Promise<Paged<Partner>> {
  const rows = await clientOf(db).partner.findMany({
    where: defined({ name: after === undefined ? undefined : { gt: after } }),
    orderBy: { name: 'asc' },
    take: limit + 1,
  });
  return paged(
    rows,
    limit,
    (row) => row.name,
    (row) => row,
  );
}
