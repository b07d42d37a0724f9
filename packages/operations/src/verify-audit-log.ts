import { type ChainVerification, verifyChain } from '@waybill/audit';
import {
  type Database,
  listEventsBeyondHead,
  readAuditHead,
  type StoredAuditEvent,
  walkAuditEvents,
} from '@waybill/db';

/** Walks the whole chain up to its head of this moment, while others may append, and looks for events beyond it. */
export async function verifyAuditLog(database: Database): Promise<ChainVerification> {
  const head = await readAuditHead(database);
  return await verifyChain(eventsUpTo(database, head.seq), head);
}

async function* eventsUpTo(database: Database, seq: number): AsyncIterable<StoredAuditEvent> {
  yield* walkAuditEvents(database, seq);
  yield* await listEventsBeyondHead(database);
}
