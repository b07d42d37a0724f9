import {
  appendAuditEvent,
  type Db,
  findEndpointsById,
  findRun,
  findRunByKey,
  findTransfer,
  insertRun,
  insertRunChanged,
  type Run,
  type Transfer,
  transaction,
} from '@waybill/db';
import { newId } from '@waybill/domain';
import type { Context } from './context.js';
import { notFound, OperationError } from './operation-error.js';

export interface RunRequest {
  /** Id or name of the transfer. */
  readonly transferId: string;
  /** The same key of the same transfer makes one run, however often it is sent. */
  readonly idempotencyKey?: string | undefined;
  /** Hash of the whole request, to tell a repetition from another request under the same key. */
  readonly requestHash?: string | undefined;
}

/**
 * Makes a run of the transfer's current version, or finds the one that the same request made earlier.
 * @throws OperationError `not-found`, `state` if the transfer is disabled, `conflict` if the key was used by another request
 */
export async function triggerRun(
  { database, actor }: Context,
  request: RunRequest,
): Promise<{ run: Run; created: boolean }> {
  const { idempotencyKey, requestHash } = request;
  return await transaction(database, async (tx) => {
    const transfer = await findTransfer(tx, request.transferId);
    if (!transfer) throw notFound('transfer', request.transferId);
    const earlier = await earlierRun(tx, transfer, request);
    if (earlier) return { run: earlier, created: false };
    if (!transfer.enabled)
      throw new OperationError('state', `transfer ${transfer.name} is disabled; enable it to run it`);

    const id = newId();
    const inserted = await insertRun(tx, {
      id,
      transferId: transfer.id,
      transferVersionId: transfer.versionId,
      trigger: 'request',
      idempotencyKey,
      requestHash,
      pool: await poolOf(tx, transfer),
    });
    const run = inserted ? await findRun(tx, id) : await earlierRun(tx, transfer, request);
    if (!run) throw new Error(`run ${id} is not there right after it was made`);
    if (!inserted) return { run, created: false };
    await insertRunChanged(tx, { runId: id, state: 'queued' });
    await appendAuditEvent(tx, actor, {
      type: 'run.triggered',
      subject: { kind: 'run', id },
      data: { transfer: transfer.name, version: transfer.currentVersion, trigger: 'request' },
    });
    return { run, created: true };
  });
}

async function earlierRun(
  db: Db,
  transfer: Transfer,
  { idempotencyKey, requestHash }: RunRequest,
): Promise<Run | undefined> {
  if (idempotencyKey === undefined) return undefined;
  const run = await findRunByKey(db, transfer.id, idempotencyKey);
  if (run && run.requestHash !== requestHash)
    throw new OperationError(
      'conflict',
      `the idempotency key "${idempotencyKey}" was used for another request, which made run ${run.id}; use a new key`,
    );
  return run;
}

/** The pool whose workers can see the local side's disk; of a relay the source's pool. */
export async function poolOf(db: Db, transfer: Transfer): Promise<string> {
  return (await findPools(db, [transfer]))(transfer);
}

/** Reads the endpoints of all transfers at once. */
export async function findPools(
  db: Db,
  transfers: readonly Transfer[],
): Promise<(transfer: Transfer) => string> {
  const ids = transfers.flatMap(({ definition: { source, target } }) => [
    source.endpointId,
    target.endpointId,
  ]);
  const endpoints = await findEndpointsById(db, [...new Set(ids)]);
  return ({ name, definition }) => {
    const source = endpoints.get(definition.source.endpointId);
    const target = endpoints.get(definition.target.endpointId);
    if (!source || !target) throw new Error(`transfer ${name} points at an endpoint that is not there`);
    return target.kind === 'local' ? target.pool : source.pool;
  };
}
