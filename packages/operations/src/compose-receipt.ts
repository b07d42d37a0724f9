import type { Receipt, ReceiptLine } from '@waybill/audit';
import {
  type Db,
  type Delivery,
  deliveriesOfRun,
  findEndpoint,
  findRun,
  findTransferVersion,
  listAuditEvents,
  type Run,
} from '@waybill/db';
import type { Id } from '@waybill/domain';
import { notFound } from './operation-error.js';

/**
 * What the run has delivered so far. Of a run that is `succeeded` or `partial` it is the receipt whose SHA-256 stands
 * in the audit log: the names in it are those of the time when the run ended, whatever was renamed since.
 * @throws OperationError `not-found`
 */
export async function composeReceipt(db: Db, runId: Id): Promise<Receipt> {
  const run = await findRun(db, runId);
  const version = run && (await findTransferVersion(db, run.transferVersionId));
  if (!run || !version) throw notFound('run', runId);
  const { source, target } = version.definition;
  const names = (await namesAtEnd(db, run)) ?? {
    transfer: run.transferName,
    source: await endpointName(db, source.endpointId),
    target: await endpointName(db, target.endpointId),
  };
  const deliveries = await deliveriesOfRun(db, runId);
  return {
    format: 'waybill receipt v1',
    run: {
      id: run.id,
      state: run.state,
      createdAt: run.createdAt.toISOString(),
      ...(run.startedAt && { startedAt: run.startedAt.toISOString() }),
      ...(run.finishedAt && { finishedAt: run.finishedAt.toISOString() }),
    },
    transfer: { id: run.transferId, name: names.transfer, version: version.number },
    source: { endpointId: source.endpointId, endpoint: names.source, directory: source.directory },
    target: { endpointId: target.endpointId, endpoint: names.target, directory: target.directory },
    deliveries: deliveries.flatMap(lineOf),
  };
}

interface Names {
  readonly transfer: string;
  readonly source: string;
  readonly target: string;
}

/** As the event of the run's end states them; `undefined` before that event is written. */
async function namesAtEnd(db: Db, run: Run): Promise<Names | undefined> {
  if (run.state !== 'succeeded' && run.state !== 'partial') return undefined;
  const filter = { subjectKind: 'run', subjectId: run.id, type: `run.${run.state}` };
  const page = await listAuditEvents(db, { limit: 1 }, { ...filter, since: run.finishedAt });
  return page.items[0] && (JSON.parse(page.items[0].data) as Names);
}

async function endpointName(db: Db, id: Id): Promise<string> {
  return (await findEndpoint(db, id))?.name ?? id;
}

function lineOf(delivery: Delivery): ReceiptLine[] {
  const { state, sourcePath, targetPath, size, targetSize, sha256, assurance, transformed } = delivery;
  const { startedAt, deliveredAt, acknowledgedAt } = delivery;
  if (state !== 'delivered' || sha256 === undefined || deliveredAt === undefined) return [];
  return [
    {
      sourcePath,
      targetPath,
      size: targetSize,
      sha256,
      ...(transformed && {
        sourceSize: size,
        sourceSha256: transformed.sourceSha256,
        transforms: transformed.stages,
      }),
      assurance,
      ...(startedAt && { startedAt: startedAt.toISOString() }),
      deliveredAt: deliveredAt.toISOString(),
      ...(acknowledgedAt && { acknowledgedAt: acknowledgedAt.toISOString() }),
    },
  ];
}
