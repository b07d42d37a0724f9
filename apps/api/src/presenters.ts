import {
  type AuditEvent as AuditEventWritten,
  type ChainVerification,
  describeEvent,
  type Receipt,
  type ReceiptLine,
  receiptBytes,
  receiptSha256,
} from '@waybill/audit';
import type * as contract from '@waybill/contract';
import type {
  ApiKeyRecord,
  Attempt,
  BreakerRecord,
  Calendar,
  Delivery,
  Endpoint,
  EndpointCheck,
  HostKeyRecord,
  Notification,
  Occurrence,
  OpenPgpKey,
  Partner,
  Run,
  Schedule,
  StoredAuditEvent,
  Subscription,
  Transfer,
  TransferVersion,
  Waiting,
  Worker,
} from '@waybill/db';
import {
  type EndpointCheckReport,
  type EndpointLimits,
  type EndpointProfile,
  type EndpointSettings,
  type Explanation,
  type Failure,
  failureKind,
  ownerOf,
  type TransferDefinition,
  type Weekday,
  warningsOf,
} from '@waybill/domain';
import type { PreviewedOccurrence } from '@waybill/operations';
import type { Signer } from '@waybill/secrets';

// Every member is named here, so that a column that is added to a record is not shown by accident.

export function presentPartner(partner: Partner): contract.Partner {
  const { id, name, title, notes } = partner;
  return { id, name, title, notes, ...recordTimes(partner) };
}

export function presentEndpoint(endpoint: Endpoint): contract.Endpoint {
  const { id, name, pool, partner, settings, limits, breaker, profile, profiledAt } = endpoint;
  const { credential, proxyCredential } = endpoint;
  return {
    id,
    name,
    partnerId: partner?.id ?? null,
    partnerName: partner?.name ?? null,
    pool,
    settings: presentSettings(settings),
    limits: presentLimits(limits),
    breaker: breaker ? presentBreaker(breaker) : null,
    credential: credential ? presentCredential(credential) : null,
    proxyCredential: proxyCredential ? presentCredential(proxyCredential) : null,
    warnings: warningsOf(settings),
    profile: profile ? presentProfile(profile) : null,
    profiledAt: timeOrNull(profiledAt),
    ...recordTimes(endpoint),
  };
}

function presentSettings(settings: EndpointSettings): contract.Endpoint['settings'] {
  if (settings.kind !== 'sftp') return { ...settings };
  const { legacyAlgorithms, route, ...others } = settings;
  return {
    ...others,
    ...(route && { route: { ...route } }),
    ...(legacyAlgorithms && { legacyAlgorithms: [...legacyAlgorithms] }),
  };
}

function presentLimits({ bandwidth, maintenance, ...limits }: EndpointLimits): contract.Endpoint['limits'] {
  const listed = <W extends { readonly days?: readonly Weekday[] | undefined }>({ days, ...window }: W) => ({
    ...window,
    ...(days && { days: [...days] }),
  });
  return {
    ...limits,
    ...(bandwidth && { bandwidth: bandwidth.map(listed) }),
    ...(maintenance && {
      maintenance: maintenance.map((window) => ('startsAt' in window ? { ...window } : listed(window))),
    }),
  };
}

function presentBreaker({ state, failures, since, until, failure }: BreakerRecord): contract.Breaker {
  return {
    state,
    failures,
    since: since.toISOString(),
    until: timeOrNull(until),
    failure: failure ? { ...failure } : null,
  };
}

export function presentCredential({
  kind,
  updatedAt,
}: NonNullable<Endpoint['credential']>): contract.Credential {
  return { kind, updatedAt: updatedAt.toISOString() };
}

export function presentEndpointCheck(check: EndpointCheck): contract.EndpointCheck {
  const { id, endpointId, endpointName, kind, transfer, path, state, pool, requestedBy } = check;
  const { worker, report, failure } = check;
  return {
    id,
    endpointId,
    endpointName,
    kind,
    transferId: transfer?.id ?? null,
    transferName: transfer?.name ?? null,
    path: path ?? null,
    state,
    pool,
    requestedBy,
    workerName: worker?.name ?? null,
    report: report ? presentReport(report) : null,
    failure: presentFailure(failure),
    createdAt: check.createdAt.toISOString(),
    startedAt: timeOrNull(check.startedAt),
    finishedAt: timeOrNull(check.finishedAt),
  };
}

function presentReport(report: EndpointCheckReport): NonNullable<contract.EndpointCheck['report']> {
  switch (report.kind) {
    case 'probe': {
      const { kind, steps, profile, proposals } = report;
      return {
        kind,
        steps: [...steps],
        profile: profile && presentProfile(profile),
        proposals: [...proposals],
      };
    }
    case 'host-key-scan':
      return { kind: report.kind, offered: [...report.offered], missing: [...report.missing] };
    case 'dry-run': {
      const { kind, version, enabled, obstacle, counts, files } = report;
      return { kind, version, enabled, obstacle, counts: { ...counts }, files: [...files] };
    }
    case 'explanation':
      return { kind: report.kind, transfers: report.transfers.map(presentExplanation) };
  }
}

function presentExplanation({ answers, ...explanation }: Explanation) {
  const { transferId, transferName, version, enabled, obstacle, file, nowhere } = explanation;
  return { transferId, transferName, version, enabled, obstacle, file, nowhere, answers: [...answers] };
}

/** All of it is found out for people to see. */
function presentProfile(profile: EndpointProfile): NonNullable<contract.Endpoint['profile']> {
  return { ...profile, extensions: [...profile.extensions], hashes: [...profile.hashes] };
}

export function presentSubscription(subscription: Subscription): contract.Subscription {
  const { id, name, kind, settings, events, partner, enabled } = subscription;
  return {
    id,
    name,
    kind,
    settings: settings.kind === 'mail' ? { ...settings, to: [...settings.to] } : { ...settings },
    events: [...events],
    partnerId: partner?.id ?? null,
    partnerName: partner?.name ?? null,
    enabled,
    ...recordTimes(subscription),
  };
}

export function presentNotification(notification: Notification): contract.Notification {
  const { id, subscriptionId, subscriptionName, events, state, failures, lastStatus, lastError } =
    notification;
  return {
    id,
    subscriptionId,
    subscriptionName,
    events: [...events],
    state,
    failures,
    notBefore: notification.notBefore.toISOString(),
    lastStatus: lastStatus ?? null,
    lastError: lastError === '' ? null : lastError,
    createdAt: notification.createdAt.toISOString(),
    deliveredAt: timeOrNull(notification.deliveredAt),
  };
}

export function presentHostKey(key: HostKeyRecord): contract.HostKey {
  const { id, endpointId, algorithm, publicKey, fingerprint, state } = key;
  return { id, endpointId, algorithm, publicKey, fingerprint, state, ...recordTimes(key) };
}

export function presentOpenPgpKey(key: OpenPgpKey): contract.OpenPgpKey {
  const { id, name, fingerprint, userIds, canEncrypt, canSign, hasPrivatePart, publicKey } = key;
  return {
    ...{ id, name, fingerprint, userIds: [...userIds], canEncrypt, canSign, hasPrivatePart },
    expiresAt: timeOrNull(key.expiresAt),
    publicKey,
    createdAt: key.createdAt.toISOString(),
  };
}

export function presentTransfer(transfer: Transfer): contract.Transfer {
  const { id, name, kind, enabled, currentVersion, definition } = transfer;
  return {
    id,
    name,
    kind,
    enabled,
    version: currentVersion,
    definition: presentDefinition(definition),
    ...recordTimes(transfer),
  };
}

export function presentTransferVersion(version: TransferVersion): contract.TransferVersion {
  const { id, transferId, number, definition, createdAt } = version;
  return {
    id,
    transferId,
    version: number,
    definition: presentDefinition(definition),
    createdAt: createdAt.toISOString(),
  };
}

function presentDefinition(definition: TransferDefinition): contract.Definition {
  const { source, target, transforms, set, duplicates, disposition, conflict } = definition;
  const { verification, concurrency, retry } = definition;
  return {
    source: { ...source, include: [...source.include], exclude: [...source.exclude] },
    target: { ...target },
    ...(transforms && { transforms: [...transforms] }),
    ...(set && { set: { ...set } }),
    ...(duplicates && { duplicates: { ...duplicates } }),
    disposition: { ...disposition },
    conflict,
    ...(verification && { verification }),
    concurrency,
    retry: { ...retry },
  };
}

export function presentCalendar(calendar: Calendar): contract.Calendar {
  const { id, name, weekend, holidays } = calendar;
  return { id, name, weekend: [...weekend], holidays: [...holidays], ...recordTimes(calendar) };
}

export function presentSchedule(schedule: Schedule): contract.Schedule {
  const { id, transferId, transferName, name, cron, timeZone, calendar, overlap, jitterSeconds } = schedule;
  const { catchUp, catchUpWithinMinutes, pausedUntil, enabled, nextDueAt } = schedule;
  return {
    id,
    transferId,
    transferName,
    name,
    cron,
    timeZone,
    calendar: calendar ? { id: calendar.id, rule: calendar.rule } : null,
    calendarName: calendar?.name ?? null,
    overlap,
    jitterSeconds,
    catchUp,
    catchUpWithinMinutes: catchUpWithinMinutes ?? null,
    pausedUntil: timeOrNull(pausedUntil),
    enabled,
    nextDueAt: timeOrNull(nextDueAt),
    ...recordTimes(schedule),
  };
}

export function presentPreview(
  timeZone: string,
  occurrences: readonly PreviewedOccurrence[],
): contract.SchedulePreview {
  return {
    timeZone,
    occurrences: occurrences.map(({ dueAt, state, reason, notBefore }) => ({
      dueAt: dueAt.toISOString(),
      state,
      reason,
      notBefore: timeOrNull(notBefore),
    })),
  };
}

export function presentOccurrence(occurrence: Occurrence): contract.Occurrence {
  const { id, scheduleId, dueAt, state, reason, runId, createdAt } = occurrence;
  return {
    id,
    scheduleId,
    dueAt: dueAt.toISOString(),
    state,
    reason,
    runId: runId ?? null,
    createdAt: createdAt.toISOString(),
  };
}

function presentFailure(failure: Failure | undefined): contract.Failure | null {
  if (!failure) return null;
  const { code, message } = failure;
  return { code, message, owner: ownerOf(failure), remedy: failureKind(code).remedy };
}

export function presentRun(run: Run): contract.Run {
  const { id, transferId, transferName, version, state, trigger, pool, epoch, attemptsUsed } = run;
  return {
    id,
    transferId,
    transferName,
    version,
    state,
    trigger,
    occurrenceId: run.occurrenceId ?? null,
    dueAt: timeOrNull(run.dueAt),
    pool,
    epoch,
    attemptsUsed,
    notBefore: timeOrNull(run.notBefore),
    waiting: run.waiting ? presentWaiting(run.waiting) : null,
    cancelRequestedAt: timeOrNull(run.cancelRequestedAt),
    failure: presentFailure(run.failure),
    files: {
      selected: run.filesSelected,
      delivered: run.filesDelivered,
      failed: run.filesFailed,
      skipped: run.filesSkipped,
    },
    bytesSelected: run.bytesSelected,
    bytesMoved: run.bytesMoved,
    createdAt: run.createdAt.toISOString(),
    startedAt: timeOrNull(run.startedAt),
    finishedAt: timeOrNull(run.finishedAt),
  };
}

function presentWaiting({ reason, message, endpoint, since }: Waiting): NonNullable<contract.Run['waiting']> {
  return {
    reason,
    message,
    endpointId: endpoint?.id ?? null,
    endpointName: endpoint?.name ?? null,
    since: since.toISOString(),
  };
}

export function presentDelivery(delivery: Delivery): contract.Delivery {
  const { id, runId, sourcePath, targetPath, size, targetSize, transformed, state } = delivery;
  return {
    id,
    runId,
    sourcePath,
    targetPath,
    size: targetSize,
    sourceModifiedAt: timeOrNull(delivery.sourceModifiedAt),
    state,
    sha256: delivery.sha256 ?? null,
    sourceSize: transformed ? size : null,
    sourceSha256: transformed?.sourceSha256 ?? null,
    transforms: [...(transformed?.stages ?? [])],
    assurance: delivery.assurance,
    checkpointBytes: delivery.checkpoint?.bytes ?? 0,
    resumedFrom: delivery.resumedFrom,
    failure: presentFailure(delivery.failure),
    skippedBecause: delivery.skippedBecause ?? null,
    startedAt: timeOrNull(delivery.startedAt),
    deliveredAt: timeOrNull(delivery.deliveredAt),
    awaitedSince: timeOrNull(delivery.awaitedSince),
    acknowledgedAt: timeOrNull(delivery.acknowledgedAt),
    disposedAt: timeOrNull(delivery.disposedAt),
  };
}

export function presentAttempt(attempt: Attempt): contract.Attempt {
  const { id, runId, epoch, workerId, workerName, state, failure, startedAt, finishedAt } = attempt;
  return {
    id,
    runId,
    epoch,
    workerId,
    workerName,
    state,
    failure: presentFailure(failure),
    startedAt: startedAt.toISOString(),
    finishedAt: timeOrNull(finishedAt),
  };
}

export function presentReceipt(receipt: Receipt, signer: Signer): contract.Receipt {
  const { deliveries, ...others } = receipt;
  return {
    sha256: receiptSha256(receipt),
    signature: signer.sign(receiptBytes(receipt)),
    receipt: { ...others, deliveries: deliveries.map(presentReceiptLine) },
  };
}

function presentReceiptLine({ transforms, ...line }: ReceiptLine) {
  return { ...line, ...(transforms && { transforms: [...transforms] }) };
}

/** Also of an event that somebody altered in the database: the log has to stay readable then of all times. */
export function presentAuditEvent(event: StoredAuditEvent): contract.AuditEvent {
  const { seq, id, at, type, outcome, subjectKind, subjectId, previousHash, hash } = event;
  const subject = subjectKind === '' ? null : { kind: subjectKind, id: subjectId };
  return {
    seq,
    id,
    at: at.toISOString(),
    type,
    outcome,
    actor: { kind: event.actorKind, id: event.actorId ?? null, name: event.actorName },
    address: event.address ?? null,
    requestId: event.requestId ?? null,
    subject,
    ...readEvent(event, subject),
    previousHash,
    hash,
  };
}

function readEvent(
  { actorName, type, data: text }: StoredAuditEvent,
  subject: contract.AuditEvent['subject'],
) {
  try {
    const data = JSON.parse(text) as Record<string, unknown>;
    const event = { type, subject, data } as unknown as AuditEventWritten;
    return { data, description: `${actorName} ${describeEvent(event)}` };
  } catch {
    // Nothing is lost by ignoring the error: the verification of the chain names the event.
    return { data: { unreadable: text }, description: `${actorName}: ${type}, unreadable` };
  }
}

export function presentVerification(found: ChainVerification): contract.AuditVerification {
  const { count } = found;
  if (found.ok) return { intact: true, count, headSeq: found.head.seq, headHash: found.head.hash };
  const { kind, seq, id, expected, found: actual, message } = found.problem;
  return {
    intact: false,
    count,
    problem: { kind, seq, eventId: id ?? null, expected, found: actual, message },
  };
}

export function presentApiKey(key: ApiKeyRecord): contract.ApiKey {
  const { id, name, prefix, scopes, createdAt } = key;
  return {
    id,
    name,
    prefix,
    scopes: [...scopes],
    createdAt: createdAt.toISOString(),
    expiresAt: timeOrNull(key.expiresAt),
    lastUsedAt: timeOrNull(key.lastUsedAt),
    revokedAt: timeOrNull(key.revokedAt),
  };
}

export function presentWorker(worker: Worker): contract.Worker {
  const { id, name, pools, host, pid, concurrency, startedAt, heartbeatAt, stoppedAt } = worker;
  return {
    id,
    name,
    pools: [...pools],
    host,
    pid,
    concurrency,
    startedAt: startedAt.toISOString(),
    heartbeatAt: heartbeatAt.toISOString(),
    stoppedAt: timeOrNull(stoppedAt),
  };
}

function recordTimes({ createdAt, updatedAt }: { readonly createdAt: Date; readonly updatedAt: Date }) {
  return { createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() };
}

function timeOrNull(at: Date | undefined): string | null {
  return at?.toISOString() ?? null;
}
