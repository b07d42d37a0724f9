export {
  type ApiKeyRecord,
  type ApiKeyValues,
  findApiKey,
  findUsableApiKey,
  insertApiKey,
  listApiKeys,
  markApiKeyRevoked,
  touchApiKey,
} from './api-keys.js';
export { type Attempt, countLostInARow, endAttempt, insertAttempt, listAttempts } from './attempts.js';
export {
  type AuditFilter,
  appendAuditEvent,
  findAuditEvent,
  listAuditEvents,
  listEventsBeyondHead,
  readAuditHead,
  type StoredAuditEvent,
  walkAuditEvents,
} from './audit-log.js';
export { type Database, type DatabaseOptions, openDatabase } from './client.js';
export { deleteCredential, findCredential, replaceCredential, type SealedCredential } from './credentials.js';
export type { Db } from './db.js';
export {
  checkFence,
  type Delivery,
  deliveriesOfRun,
  findUnknownOutcome,
  listDeliveries,
  markCommitting,
  markDelivered,
  markDisposed,
  markFailed,
  markMoving,
  markSkipped,
  type NewDelivery,
  reselectDelivery,
  reviveFailedDeliveries,
  saveCheckpoint,
  selectDeliveries,
  type WholeFile,
} from './deliveries.js';
export {
  claimExpiredEndpointChecks,
  type Deadlines,
  type EndpointCheck,
  type EndpointCheckEnd,
  type Expiry,
  endEndpointCheck,
  findEndpointCheck,
  findOpenEndpointCheck,
  insertEndpointCheck,
  isEndpointCheckQueued,
  listEndpointChecks,
  type NewEndpointCheck,
  startEndpointCheck,
} from './endpoint-checks.js';
export {
  type Endpoint,
  type EndpointValues,
  findEndpoint,
  insertEndpoint,
  listEndpoints,
  listEndpointsBehind,
  lockEndpoint,
  saveEndpoint,
  saveEndpointProfile,
} from './endpoints.js';
export {
  isCheckViolation,
  isForeignKeyViolation,
  isTransactionConflict,
  isUnavailable,
  isUniqueViolation,
} from './errors.js';
export {
  findHostKey,
  type HostKeyRecord,
  insertHostKey,
  listHostKeys,
  saveHostKeyState,
} from './host-keys.js';
export { claimOutbox, insertRunChanged, markPublished, pruneOutbox, type RunChanged } from './outbox.js';
export type { Page, Paged } from './page.js';
export {
  findPartner,
  insertPartner,
  listPartners,
  type Partner,
  type PartnerValues,
  savePartner,
} from './partners.js';
export {
  claimLostAttempts,
  endAttemptOfRun,
  endQueuedRun,
  expireLeases,
  extendLease,
  type Fence,
  findRun,
  findRunByKey,
  insertRun,
  isTransferBusy,
  type LostAttempt,
  leaseLeftMs,
  listOverdueRuns,
  listRuns,
  listUndispatchedRuns,
  lockHeldRunsOfEndpoint,
  lockRun,
  markEnqueued,
  type NewRun,
  type Progress,
  type QueuedRun,
  type Run,
  type RunEnd,
  type RunFilter,
  requestCancel,
  restartRun,
  saveProgress,
  startRun,
} from './runs.js';
export {
  advanceSchedule,
  claimDueSchedule,
  findSchedule,
  insertOccurrences,
  insertSchedule,
  listOccurrences,
  listSchedules,
  type Occurrence,
  type Schedule,
  type ScheduleValues,
  saveSchedule,
} from './schedules.js';
export { type Transaction, transaction } from './transaction.js';
export {
  findTransfer,
  findTransferVersion,
  insertTransfer,
  insertTransferVersion,
  listTransfers,
  listTransferVersions,
  lockTransfer,
  saveTransfer,
  type Transfer,
  type TransferValues,
  type TransferVersion,
} from './transfers.js';
export {
  insertWorker,
  listWorkers,
  markWorkerStopped,
  touchWorker,
  type Worker,
  type WorkerValues,
} from './workers.js';
