import { describeEvent } from '@waybill/audit';
import { listAuditEvents, readAuditHead } from '@waybill/db';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPartner } from './define-partner.js';
import { openTestContext, type TestContext } from './testing/exchange.js';
import { verifyAuditLog } from './verify-audit-log.js';

let context: TestContext;
beforeAll(async () => {
  context = await openTestContext();
  await Promise.all(Array.from({ length: 50 }, (_, i) => createPartner(context, { name: `p${i}` })));
});
afterAll(() => context[Symbol.asyncDispose]());

/** What verification finds after this was done to the table; it is undone afterwards. */
async function problemAfter(...statements: string[]) {
  const { prisma } = context.database;
  await prisma.$executeRawUnsafe('create table saved_event as table audit_event');
  await prisma.$executeRawUnsafe('create table saved_head as table audit_head');
  try {
    for (const statement of statements) await prisma.$executeRawUnsafe(statement);
    const found = await verifyAuditLog(context.database);
    return found.ok ? undefined : found.problem;
  } finally {
    for (const table of ['audit_event', 'audit_head']) await prisma.$executeRawUnsafe(`truncate ${table}`);
    await prisma.$executeRawUnsafe('insert into audit_event table saved_event');
    await prisma.$executeRawUnsafe('insert into audit_head table saved_head');
    await prisma.$executeRawUnsafe('drop table saved_event, saved_head');
  }
}

const copyOf = (seq: number, as: string) => `
  insert into audit_event
  select ${as}, gen_random_uuid(), at, type, outcome, actor_kind, actor_id, actor_name, address, request_id,
         subject_kind, subject_id, data, previous_hash, hash
  from audit_event where seq = ${seq}`;

describe('the audit log', () => {
  it('is one chain without gaps after fifty operations at once, and stays so while others append', async () => {
    const verified = await verifyAuditLog(context.database);
    expect(verified).toMatchObject({ ok: true, count: 50, head: await readAuditHead(context.database) });
    const appended = Promise.all(
      Array.from({ length: 10 }, (_, i) => createPartner(context, { name: `q${i}` })),
    );
    expect(await verifyAuditLog(context.database)).toMatchObject({ ok: true });
    await appended;
    expect(await verifyAuditLog(context.database)).toMatchObject({ ok: true, count: 60 });
  });

  it('gives its times in the order of the chain', async () => {
    const { items } = await listAuditEvents(context.database, { limit: 200 });
    const times = items.map(({ at }) => at.getTime());
    expect(times).toEqual([...times].sort((a, b) => b - a));
    const event = items.at(-1);
    if (!event) throw new Error('the log is empty');
    const data = JSON.parse(event.data);
    const subject = { kind: 'partner', id: event.subjectId } as const;
    expect(describeEvent({ type: 'partner.created', subject, data })).toMatch(/^created partner p\d+$/);
  });

  it('betrays an altered row', async () => {
    const set = (what: string) => problemAfter(`update audit_event set ${what} where seq = 17`);
    expect(await set(`data = replace(data, 'p', 'q')`)).toMatchObject({ kind: 'altered', seq: 17 });
    expect(await set(`actor_name = 'nobody'`)).toMatchObject({ kind: 'altered', seq: 17 });
    expect(await set(`at = at + interval '1 millisecond'`)).toMatchObject({ kind: 'altered', seq: 17 });
  });

  it('betrays a deleted, an inserted and a renumbered row', async () => {
    expect(await problemAfter('delete from audit_event where seq in (20, 21)')).toMatchObject({
      kind: 'missing',
      seq: 20,
    });
    expect(await problemAfter('delete from audit_event where seq = 20', copyOf(19, '20'))).toMatchObject({
      kind: 'altered',
      seq: 20,
    });
    expect(await problemAfter(copyOf(1, '0'))).toMatchObject({ kind: 'reordered', seq: 0 });
  });

  it('betrays a tail that was cut or added', async () => {
    const { seq } = await readAuditHead(context.database);
    expect(await problemAfter(`delete from audit_event where seq > ${seq - 3}`)).toMatchObject({
      kind: 'truncated',
      seq: seq - 2,
    });
    expect(await problemAfter(copyOf(seq, `${seq + 1}`))).toMatchObject({ seq: seq + 1 });
    expect(await problemAfter('truncate audit_event')).toMatchObject({ kind: 'truncated', seq: 1 });
  });
});
