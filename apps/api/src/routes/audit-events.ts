import { findAuditEvent, listAuditEvents } from '@waybill/db';
import { verifyAuditLog } from '@waybill/operations';
import { pageOf } from '../cursor.js';
import type { ApiDeps } from '../deps.js';
import type { Handlers } from '../handler.js';
import { presentAuditEvent, presentVerification } from '../presenters.js';
import { notFound } from '../refusal.js';

type Names = 'listAuditEvents' | 'getAuditEvent' | 'verifyAuditEvents';

export function auditEventRoutes({ database }: ApiDeps): Pick<Handlers, Names> {
  return {
    async listAuditEvents({ query: { limit, cursor, ...filter } }) {
      const list = (page: Parameters<typeof listAuditEvents>[1]) => listAuditEvents(database, page, filter);
      return { status: 200, body: await pageOf('number', { limit, cursor }, list, presentAuditEvent) };
    },
    async getAuditEvent({ params }) {
      const event = await findAuditEvent(database, params.id);
      if (!event) throw notFound('audit event', params.id);
      return { status: 200, body: presentAuditEvent(event) };
    },
    async verifyAuditEvents() {
      return { status: 200, body: presentVerification(await verifyAuditLog(database)) };
    },
  };
}
