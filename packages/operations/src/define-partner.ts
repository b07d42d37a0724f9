import {
  appendAuditEvent,
  findPartner,
  insertPartner,
  type Partner,
  savePartner,
  transaction,
} from '@waybill/db';
import { newId } from '@waybill/domain';
import { changedMembers } from './changed.js';
import type { Context } from './context.js';
import { notFound, withUniqueName } from './operation-error.js';

export interface PartnerInput {
  /** Short and unique. */
  readonly name: string;
  readonly title?: string | undefined;
  readonly notes?: string | undefined;
}

/** @throws OperationError `conflict` if the name is taken */
export async function createPartner({ database, actor }: Context, input: PartnerInput): Promise<Partner> {
  const { name, title = '', notes = '' } = input;
  return await transaction(database, async (tx) => {
    const partner = await withUniqueName('partner', name, () =>
      insertPartner(tx, newId(), { name, title, notes }),
    );
    await appendAuditEvent(tx, actor, {
      type: 'partner.created',
      subject: { kind: 'partner', id: partner.id },
      data: { name, title },
    });
    return partner;
  });
}

/** Members left out stay as they are. @throws OperationError `not-found`, or `conflict` if the name is taken */
export async function updatePartner(
  { database, actor }: Context,
  idOrName: string,
  input: Partial<PartnerInput>,
): Promise<Partner> {
  return await transaction(database, async (tx) => {
    const before = await findPartner(tx, idOrName);
    if (!before) throw notFound('partner', idOrName);
    const changed = changedMembers<PartnerInput>(before, input);
    if (changed.length === 0) return before;
    const { name = before.name, title = before.title, notes = before.notes } = input;
    const partner = await withUniqueName('partner', name, () =>
      savePartner(tx, before.id, { name, title, notes }),
    );
    await appendAuditEvent(tx, actor, {
      type: 'partner.updated',
      subject: { kind: 'partner', id: partner.id },
      data: { name, title, changed },
    });
    return partner;
  });
}
