import type { AuditEvent } from '@waybill/audit';
import type { EndpointCheck } from '@waybill/db';

type PlainType = 'endpoint-check.requested' | 'endpoint-check.started' | 'endpoint-check.succeeded';

export function checkEventOf(type: PlainType, check: EndpointCheck): AuditEvent {
  return { type, ...subjectAndData(check) };
}

export function checkFailedEvent(check: EndpointCheck, reason: string): AuditEvent {
  const { subject, data } = subjectAndData(check);
  return { type: 'endpoint-check.failed', subject, data: { ...data, reason } };
}

function subjectAndData({ id, kind, endpointId, endpointName, transfer, path }: EndpointCheck) {
  return {
    subject: { kind: 'endpoint', id: endpointId },
    data: {
      ...{ endpoint: endpointName, checkId: id, kind },
      ...(transfer && { transfer: transfer.name }),
      ...(path !== undefined && { path }),
    },
  } as const;
}
