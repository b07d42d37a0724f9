import { type AuditEvent, redactText } from '@waybill/audit';
import {
  appendAuditEvent,
  type EndpointCheck,
  type EndpointCheckEnd,
  endEndpointCheck,
  lockWay,
  saveEndpointProfile,
  transaction,
} from '@waybill/db';
import { type EndpointCheckReport, type Failure, whyNotPassed } from '@waybill/domain';
import { checkEventOf, checkFailedEvent } from './check-event.js';
import type { CheckClaim } from './claim-check.js';
import type { Context } from './context.js';
import { forgive } from './endpoint-breaker.js';
import { callAfterCheck } from './wait-in-line.js';

/** What a check came to: a report, or the reason why there is none. */
export type CheckResult = { readonly report: EndpointCheckReport } | { readonly failure: Failure };

/**
 * Ends a check with its result. A probe's profile becomes the endpoint's, unless its settings were changed meanwhile; one
 * that passed ends the suspension of the endpoint. Runs that waited for its connections are called.
 * False if the check was given up for lost: then nothing is written.
 */
export async function finishCheck(
  { database, actor }: Context,
  { check, endpoint }: CheckClaim,
  result: CheckResult,
): Promise<boolean> {
  const end = endOf(result);
  const reached = check.kind === 'probe' && end.state === 'succeeded';
  return await transaction(database, async (tx) => {
    if (!(await endEndpointCheck(tx, check, end))) return false;
    // Before the event: who changes an endpoint locks its row first and the head of the audit log after it, too.
    const way = await lockWay(tx, endpoint.id);
    const profile = 'report' in end && end.report.kind === 'probe' ? end.report.profile : null;
    if (profile) await saveEndpointProfile(tx, endpoint, profile);
    const recordResumed = await forgive(tx, actor, reached ? way : [], 'a probe has passed');
    await callAfterCheck(tx, way);
    await appendAuditEvent(tx, actor, endEventOf(check, end));
    await recordResumed();
    return true;
  });
}

export function endEventOf(check: EndpointCheck, end: EndpointCheckEnd): AuditEvent {
  return end.state === 'succeeded'
    ? checkEventOf('endpoint-check.succeeded', check)
    : checkFailedEvent(check, reasonOf(end));
}

function endOf(result: CheckResult): EndpointCheckEnd {
  if ('failure' in result) {
    const { failure } = result;
    return { state: 'failed', failure: { ...failure, message: redactText(failure.message) } };
  }
  const report = redacted(result.report);
  return { state: whyNotPassed(report) === '' ? 'succeeded' : 'failed', report };
}

/** Reports quote servers as well: every text in one is made fit for the record. */
function redacted(report: EndpointCheckReport): EndpointCheckReport {
  const text = JSON.stringify(report, (_, member: unknown) =>
    typeof member === 'string' ? redactText(member) : member,
  );
  return JSON.parse(text) as EndpointCheckReport;
}

function reasonOf(end: EndpointCheckEnd): string {
  return 'failure' in end ? `${end.failure.code}: ${end.failure.message}` : whyNotPassed(end.report);
}
