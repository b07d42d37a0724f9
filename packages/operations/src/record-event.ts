import { redactText } from '@waybill/audit';
import { appendAuditEvent, type Run, transaction } from '@waybill/db';
import type { LegacyAlgorithm } from '@waybill/domain';
import type { Context } from './context.js';

export interface DeniedRequest {
  readonly method: string;
  /** Without the query, which may hold anything. */
  readonly path: string;
  readonly status: 401 | 403;
  readonly reason: string;
}

/** A request that was refused for want of a key or a scope. */
export async function recordDenied({ database, actor }: Context, request: DeniedRequest): Promise<void> {
  const { method, path, status, reason } = request;
  await transaction(database, (tx) =>
    appendAuditEvent(tx, actor, {
      type: 'request.denied',
      subject: { kind: 'request', id: actor.requestId ?? '' },
      data: { method: redactText(method), path: redactText(path), status, reason },
    }),
  );
}

/** An endpoint that a run works with has made use of weak algorithms, which its settings allow. */
export async function recordLegacyAlgorithms(
  { database, actor }: Context,
  { id, transferName: transfer, version, epoch }: Run,
  endpoint: string,
  algorithms: readonly LegacyAlgorithm[],
): Promise<void> {
  await transaction(database, (tx) =>
    appendAuditEvent(tx, actor, {
      type: 'run.legacy-algorithms',
      subject: { kind: 'run', id },
      data: { transfer, version, epoch, endpoint, algorithms },
    }),
  );
}

/** @param service such as `waybill` or `worker` */
export async function recordService(
  { database, actor }: Context,
  what: 'started' | 'stopped',
  { service, version }: { readonly service: string; readonly version: string },
): Promise<void> {
  await transaction(database, (tx) =>
    appendAuditEvent(tx, actor, {
      type: `service.${what}`,
      subject: { kind: 'service', id: service },
      data: { version },
    }),
  );
}
