import {
  type AuditEvent,
  type AuditOutcome,
  type CanonicalValue,
  type ChainedEvent,
  type ChainHead,
  canonicalJson,
  eventHash,
  outcomeOf,
} from '@waybill/audit';
import { type Actor, type ActorKind, type Id, isId, newId } from '@waybill/domain';
import { clientOf, type Db } from './db.js';
import type { AuditEvent as Row } from './generated/client.js';
import { type Page, type Paged, paged } from './page.js';
import type { Transaction } from './transaction.js';
import { defined, toNumber } from './values.js';

/** An event of the log, with its place in the chain. */
export type StoredAuditEvent = ChainedEvent;

export interface AuditFilter {
  readonly type?: string | undefined;
  readonly outcome?: AuditOutcome | undefined;
  readonly actorId?: string | undefined;
  readonly subjectKind?: string | undefined;
  readonly subjectId?: string | undefined;
  /** From this instant on. */
  readonly since?: Date | undefined;
  /** Before this instant. */
  readonly until?: Date | undefined;
}

/**
 * Appends an event to the chain. Takes the chain's lock until the transaction ends, so it belongs at its end: all
 * changes of the service wait for one another here.
 */
export async function appendAuditEvent(
  tx: Transaction,
  actor: Actor,
  event: AuditEvent,
): Promise<StoredAuditEvent> {
  const [stored] = await appendAuditEvents(tx, actor, [event]);
  return stored as StoredAuditEvent;
}

/** Appends events in their order, as {@link appendAuditEvent} does one. */
export async function appendAuditEvents(
  tx: Transaction,
  actor: Actor,
  events: readonly AuditEvent[],
): Promise<StoredAuditEvent[]> {
  if (events.length === 0) return [];
  const head = await lockHead(tx);
  let last: ChainHead = head;
  const stored = events.map((event) => {
    const unchained = toRecord(event, actor, { seq: last.seq + 1, at: head.now });
    const chained = { ...unchained, previousHash: last.hash, hash: eventHash(last.hash, unchained) };
    last = chained;
    return chained;
  });
  await insertEvents(tx, stored);
  await tx.auditHead.update({ where: { id: 1 }, data: { seq: last.seq, hash: last.hash } });
  return stored;
}

/** Much faster than `createMany`, which counts where thousands of runs are made at once. */
async function insertEvents(tx: Transaction, events: readonly StoredAuditEvent[]): Promise<void> {
  const all = <T>(pick: (event: StoredAuditEvent) => T) => events.map(pick);
  await tx.$executeRaw`
    insert into audit_event (seq, id, at, type, outcome, actor_kind, actor_id, actor_name, address, request_id,
                             subject_kind, subject_id, data, previous_hash, hash)
    select * from unnest(${all(({ seq }) => seq)}::bigint[],
                         ${all(({ id }) => id)}::uuid[],
                         ${all(({ at }) => at.toISOString())}::timestamptz[],
                         ${all(({ type }) => type)}::text[],
                         ${all(({ outcome }) => outcome)}::text[],
                         ${all(({ actorKind }) => actorKind)}::text[],
                         ${all(({ actorId }) => actorId ?? null)}::text[],
                         ${all(({ actorName }) => actorName)}::text[],
                         ${all(({ address }) => address ?? null)}::text[],
                         ${all(({ requestId }) => requestId ?? null)}::text[],
                         ${all(({ subjectKind }) => subjectKind)}::text[],
                         ${all(({ subjectId }) => subjectId)}::text[],
                         ${all(({ data }) => data)}::text[],
                         ${all(({ previousHash }) => previousHash)}::text[],
                         ${all(({ hash }) => hash)}::text[])`;
}

function toRecord(event: AuditEvent, actor: Actor, { seq, at }: { seq: number; at: Date }) {
  return {
    seq,
    id: newId(at.getTime()),
    at,
    type: event.type,
    outcome: outcomeOf(event),
    actorKind: actor.kind,
    actorId: actor.id,
    actorName: actor.name,
    address: actor.address,
    requestId: actor.requestId,
    subjectKind: event.subject.kind,
    subjectId: event.subject.id,
    data: canonicalJson(event.data as unknown as CanonicalValue),
  };
}

async function lockHead(tx: Transaction): Promise<ChainHead & { now: Date }> {
  // `clock_timestamp()` is read under the lock, so that times never run against the order of the chain.
  const rows = await tx.$queryRaw<{ seq: bigint; hash: string; now: Date }[]>`
    select seq, hash, clock_timestamp()::timestamptz(3) as now from audit_head where id = 1 for update`;
  const head = rows[0];
  if (!head) throw new Error('audit_head has no row: the audit log cannot be continued');
  return { seq: toNumber(head.seq), hash: head.hash, now: head.now };
}

export async function readAuditHead(db: Db): Promise<ChainHead> {
  const head = await clientOf(db).auditHead.findUniqueOrThrow({ where: { id: 1 } });
  return { seq: toNumber(head.seq), hash: head.hash };
}

export async function findAuditEvent(db: Db, id: Id): Promise<StoredAuditEvent | undefined> {
  if (!isId(id)) return undefined;
  const row = await clientOf(db).auditEvent.findUnique({ where: { id } });
  return row ? toStored(row) : undefined;
}

/** Newest first; `after` is a `seq`. */
export async function listAuditEvents(
  db: Db,
  { limit, after }: Page,
  filter: AuditFilter = {},
): Promise<Paged<StoredAuditEvent>> {
  const { since, until, ...equal } = filter;
  const rows = await clientOf(db).auditEvent.findMany({
    where: {
      ...defined(equal),
      ...((since || until) && { at: defined({ gte: since, lt: until }) }),
      ...(after !== undefined && { seq: { lt: BigInt(after) } }),
    },
    orderBy: { seq: 'desc' },
    take: limit + 1,
  });
  return paged(rows, limit, (row) => String(row.seq), toStored);
}

/** All events up to `untilSeq`, oldest first, read in batches. */
export async function* walkAuditEvents(
  db: Db,
  untilSeq: number = Number.MAX_SAFE_INTEGER,
  batchSize = 1000,
): AsyncIterable<StoredAuditEvent> {
  for (let seq = Number.MIN_SAFE_INTEGER; ; ) {
    const rows = await clientOf(db).auditEvent.findMany({
      where: { seq: { gt: seq, lte: untilSeq } },
      orderBy: { seq: 'asc' },
      take: batchSize,
    });
    yield* rows.map(toStored);
    const last = rows.at(-1);
    if (!last || rows.length < batchSize) return;
    seq = toNumber(last.seq);
  }
}

/** Events of the chain that come after `seq`, oldest first. */
export async function listAuditEventsAfter(db: Db, seq: number, limit: number): Promise<StoredAuditEvent[]> {
  const where = { seq: { gt: BigInt(seq) } };
  const rows = await clientOf(db).auditEvent.findMany({ where, orderBy: { seq: 'asc' }, take: limit });
  return rows.map(toStored);
}

export async function findAuditEventsBySeq(db: Db, seqs: readonly number[]): Promise<StoredAuditEvent[]> {
  const where = { seq: { in: seqs.map(BigInt) } };
  const rows = await clientOf(db).auditEvent.findMany({ where, orderBy: { seq: 'asc' } });
  return rows.map(toStored);
}

/** Events that stand after the head, of which there are none unless somebody inserted them; oldest first. */
export async function listEventsBeyondHead(db: Db): Promise<StoredAuditEvent[]> {
  // One statement, so that head and events are of the same moment while others append.
  const rows = await clientOf(db).$queryRaw<{ seq: bigint }[]>`
    select e.seq from audit_event e, audit_head h where e.seq > h.seq order by e.seq limit 10`;
  const found = await clientOf(db).auditEvent.findMany({
    where: { seq: { in: rows.map((row) => row.seq) } },
    orderBy: { seq: 'asc' },
  });
  return found.map(toStored);
}

function toStored(row: Row): StoredAuditEvent {
  return {
    ...row,
    seq: toNumber(row.seq),
    outcome: row.outcome as AuditOutcome,
    actorKind: row.actorKind as ActorKind,
    actorId: row.actorId ?? undefined,
    address: row.address ?? undefined,
    requestId: row.requestId ?? undefined,
  };
}
