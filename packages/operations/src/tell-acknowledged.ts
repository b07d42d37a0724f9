import { appendAuditEvent, countAcknowledged, type Run, type Transaction } from '@waybill/db';
import type { Actor } from '@waybill/domain';

/** Has the audit log say how many files of a run that ends were acknowledged, where that was waited for. */
export async function tellAcknowledged(tx: Transaction, actor: Actor, run: Run): Promise<void> {
  const { acknowledged, awaited } = await countAcknowledged(tx, run.id);
  if (awaited === 0) return;
  await appendAuditEvent(tx, actor, {
    type: 'run.acknowledged',
    subject: { kind: 'run', id: run.id },
    data: {
      ...{ transfer: run.transferName, version: run.version, epoch: run.epoch },
      ...{ acknowledged, of: awaited },
    },
  });
}
