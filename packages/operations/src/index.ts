export { type ApiKeyInput, authenticate, createApiKey, revokeApiKey } from './api-keys.js';
export { cancelRun } from './cancel-run.js';
export {
  announceCheck,
  announceCheckOver,
  onCheckOver,
  onCheckRequested,
} from './check-signals.js';
export { type CheckClaim, claimCheck } from './claim-check.js';
export { type Claim, claimRun, renewLease } from './claim-run.js';
export { composeReceipt } from './compose-receipt.js';
export type { Context } from './context.js';
export { openCredential, setCredential, setProxyPassword } from './credentials.js';
export {
  type CalendarInput,
  createCalendar,
  importHolidays,
  removeCalendar,
  updateCalendar,
} from './define-calendar.js';
export { createEndpoint, type EndpointInput, updateEndpoint } from './define-endpoint.js';
export { createPartner, type PartnerInput, updatePartner } from './define-partner.js';
export { createSchedule, type ScheduleInput, updateSchedule } from './define-schedule.js';
export {
  createSubscription,
  openSigningSecret,
  renewSubscriptionSecret,
  type SubscriptionInput,
  updateSubscription,
} from './define-subscription.js';
export { createTransfer, type TransferInput, updateTransfer } from './define-transfer.js';
export { type DispatchOptions, dispatchQueuedRuns, reconcileQueue } from './dispatch-runs.js';
export { noteReached, resumeEndpoint } from './endpoint-breaker.js';
export { checkLimitMs, expireChecks } from './expire-checks.js';
export { finishAttempt } from './finish-attempt.js';
export { type CheckResult, finishCheck } from './finish-check.js';
export { type FiredOccurrence, type FireOptions, fireDueSchedules } from './fire-schedules.js';
export { forgetFiles } from './forget-files.js';
export { addHostKey, changeHostKeyState, proposeHostKeys, trustedHostKeys } from './host-keys.js';
export {
  finishNotification,
  replayNotification,
  type SendResult,
  testSubscription,
} from './notifications.js';
export { importOpenPgpKey, type OpenPgpKeyInput, openOpenPgpKey, removeOpenPgpKey } from './openpgp-keys.js';
export { OperationError, type OperationErrorCode } from './operation-error.js';
export { planNotifications } from './plan-notifications.js';
export {
  type NewRule,
  type PreviewedOccurrence,
  type PreviewOptions,
  previewRule,
  previewSchedule,
} from './preview-schedule.js';
export { pruneOutbox, publishOutbox } from './publish-outbox.js';
export { type DeniedRequest, recordDenied, recordLegacyAlgorithms, recordService } from './record-event.js';
export { type RequestedCheck, requestCheck } from './request-check.js';
export {
  type ExplanationRequest,
  findTransfersReading,
  requestDryRun,
  requestExplanation,
} from './request-dry-run.js';
export { abandonLeases, type RescuedRun, rescueLostAttempts } from './rescue-attempts.js';
export { retryRun } from './retry-run.js';
export { type DateRequest, runForDate } from './run-for-date.js';
export { type RunRequest, triggerRun } from './trigger-run.js';
export { verifyAuditLog } from './verify-audit-log.js';
export { heartbeatWorker, registerWorker, stopWorker } from './workers.js';
