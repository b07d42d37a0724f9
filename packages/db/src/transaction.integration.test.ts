import { createTestDatabase, type TestDatabase } from '@waybill/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from './client.js';
import { isForeignKeyViolation, isTransactionConflict, isUnavailable, isUniqueViolation } from './errors.js';
import { type Transaction, transaction } from './transaction.js';

let home: TestDatabase;
let database: Database;
beforeAll(async () => {
  home = await createTestDatabase();
  database = openDatabase({ url: home.url });
  await database.prisma.$executeRaw`create table account (id int primary key, amount int not null)`;
  await database.prisma.$executeRaw`insert into account values (1, 0), (2, 0)`;
});
afterAll(async () => {
  await database.close();
  await home.drop();
});

const add = (tx: Transaction, id: number) =>
  tx.$executeRaw`update account set amount = amount + 1 where id = ${id}`;

const partner = (name: string) => ({ id: crypto.randomUUID(), name });

describe('transaction', () => {
  it('runs the loser of a deadlock again, so that both sides get through', async () => {
    let runs = 0;
    let holding = 0;
    const oneAfterTheOther = (first: number, second: number) =>
      transaction(database, async (tx) => {
        runs++;
        await add(tx, first);
        holding++;
        // Both hold their first row before either asks for the second.
        while (holding < 2) await new Promise((resolve) => setTimeout(resolve, 10));
        await add(tx, second);
      });
    await Promise.all([oneAfterTheOther(1, 2), oneAfterTheOther(2, 1)]);
    expect(runs).toBe(3);
    expect(await database.prisma.$queryRaw`select amount from account order by id`).toEqual([
      { amount: 2 },
      { amount: 2 },
    ]);
  });

  it('runs once and rolls back when the work throws something else', async () => {
    let runs = 0;
    const work = transaction(database, async (tx) => {
      runs++;
      await tx.partner.create({ data: partner('gone') });
      throw new Error('no');
    });
    await expect(work).rejects.toThrow('no');
    expect(runs).toBe(1);
    expect(await database.prisma.partner.count({ where: { name: 'gone' } })).toBe(0);
  });

  it('does not begin once its signal is aborted', async () => {
    const work = transaction(database, async () => 'done', { signal: AbortSignal.abort() });
    await expect(work).rejects.toThrow('aborted');
  });
});

describe('errors', () => {
  it('tells a unique violation and its constraint, from a model and from raw SQL', async () => {
    await database.prisma.partner.create({ data: partner('acme') });
    const again = await database.prisma.partner.create({ data: partner('acme') }).catch((error) => error);
    const raw = await database.prisma.$executeRaw`
      insert into partner (id, name) values (gen_random_uuid(), 'acme')`.catch((error) => error);
    for (const error of [again, raw]) {
      expect(isUniqueViolation(error)).toBe(true);
      expect(isUniqueViolation(error, 'partner_name_key')).toBe(true);
      expect(isUniqueViolation(error, 'partner_pkey')).toBe(false);
      expect(isForeignKeyViolation(error)).toBe(false);
      expect(isUnavailable(error)).toBe(false);
    }
  });

  it('tells a foreign key violation, also one that shows only at the commit', async () => {
    const endpoint = { name: 'e', kind: 'local', settings: {} };
    const lost = await database.prisma.endpoint
      .create({ data: { id: crypto.randomUUID(), partnerId: crypto.randomUUID(), ...endpoint } })
      .catch((error) => error);
    expect(isForeignKeyViolation(lost)).toBe(true);
    expect(isForeignKeyViolation(lost, 'endpoint_partner_id_fkey')).toBe(true);
    const withoutVersion = await transaction(database, (tx) =>
      tx.transfer.create({ data: { id: crypto.randomUUID(), name: 't', kind: 'push', currentVersion: 1 } }),
    ).catch((error) => error);
    expect(isForeignKeyViolation(withoutVersion)).toBe(true);
  });

  it('tells that the database is not there', async () => {
    const nowhere = openDatabase({ url: 'postgresql://waybill:x@127.0.0.1:1/waybill' });
    const failed = await nowhere.prisma.partner.count().catch((error) => error);
    const raw = await nowhere.prisma.$queryRaw`select 1`.catch((error) => error);
    const begun = await transaction(nowhere, async () => 1).catch((error) => error);
    await nowhere.close();
    expect([failed, raw, begun].map(isUnavailable)).toEqual([true, true, true]);
    expect(isTransactionConflict(failed)).toBe(false);
  });

  it('tells that the connection was cut in the middle of a query, and goes on with a new one', async () => {
    const lost: Error[] = [];
    const cut = openDatabase({
      url: home.url,
      maxConnections: 1,
      applicationName: 'to be cut',
      onConnectionLost: (error) => lost.push(error),
    });
    const endIt = () =>
      database.prisma.$queryRaw`
        select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'to be cut'`;
    const sleeping = cut.prisma.$queryRaw`select pg_sleep(20)::text`.catch((error) => error);
    while (isIdle(await activity('to be cut'))) await new Promise((resolve) => setTimeout(resolve, 10));
    await endIt();
    expect(isUnavailable(await sleeping)).toBe(true);

    const inside = transaction(cut, async (tx) => {
      await tx.$queryRaw`select 1`;
      await endIt();
      await tx.$queryRaw`select 1`;
    });
    expect(isUnavailable(await inside.catch((error) => error))).toBe(true);

    expect(await cut.prisma.partner.count()).toBeGreaterThanOrEqual(0);
    await endIt();
    await expect.poll(() => lost.length, { timeout: 20_000 }).toBeGreaterThan(0);
    await cut.close();
  });
});

async function activity(name: string): Promise<{ state: string }[]> {
  return await database.prisma.$queryRaw`select state from pg_stat_activity where application_name = ${name}`;
}

function isIdle(rows: { state: string }[]): boolean {
  return !rows.some((row) => row.state === 'active');
}
