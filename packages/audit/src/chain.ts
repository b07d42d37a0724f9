import { createHash } from 'node:crypto';
import type { ActorKind, Id } from '@waybill/domain';
import { canonicalJson } from './canonical.js';
import type { AuditOutcome } from './event.js';

/** An event as it stands in the log, with its place in the chain. */
export interface ChainedEvent {
  /** Without gaps, from 1. */
  readonly seq: number;
  readonly id: Id;
  readonly at: Date;
  readonly type: string;
  readonly outcome: AuditOutcome;
  readonly actorKind: ActorKind;
  readonly actorId: string | undefined;
  readonly actorName: string;
  readonly address: string | undefined;
  readonly requestId: string | undefined;
  readonly subjectKind: string;
  readonly subjectId: string;
  /** Canonical JSON: these very bytes are hashed. */
  readonly data: string;
  /** Hex SHA-256 of the event before it; {@link genesisHash} for the first. */
  readonly previousHash: string;
  readonly hash: string;
}

export interface ChainHead {
  readonly seq: number;
  readonly hash: string;
}

/** Stands before the first event. */
export const genesisHash = '0'.repeat(64);

const DOMAIN = 'waybill audit event v1\n';

/**
 * The one byte form of an event, without the hashes: canonical JSON (RFC 8785) of its fields, absent ones left out,
 * `at` as ISO 8601 in UTC with milliseconds, `data` as the string that is stored.
 */
export function canonicalEvent(event: Omit<ChainedEvent, 'previousHash' | 'hash'>): string {
  const { seq, id, type, outcome, actorKind, actorId, actorName } = event;
  const { address, requestId, subjectKind, subjectId, data } = event;
  return canonicalJson({
    seq,
    id,
    at: event.at.toISOString(),
    type,
    outcome,
    actorKind,
    actorId,
    actorName,
    address,
    requestId,
    subjectKind,
    subjectId,
    data,
  });
}

/**
 * Hex SHA-256 over the line `waybill audit event v1`, the line of the previous event's hash in hex, and the event's
 * canonical bytes in UTF-8, each line ended by LF.
 */
export function eventHash(previousHash: string, event: Omit<ChainedEvent, 'previousHash' | 'hash'>): string {
  return createHash('sha256')
    .update(DOMAIN)
    .update(`${previousHash}\n`)
    .update(canonicalEvent(event))
    .digest('hex');
}
