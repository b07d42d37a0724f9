export {
  isLegacyAlgorithm,
  type LegacyAlgorithm,
  legacyAlgorithms,
  type RouteSettings,
  routeText,
} from '@waybill/domain';
export type { ApiKey, ApiKeyCreated } from './api-keys.js';
export type { AuditEvent, AuditVerification } from './audit-events.js';
export type { Calendar } from './calendars.js';
export {
  ApiProblem,
  ApiUnreachable,
  type Call,
  type CallableRoute,
  type Client,
  type ClientOptions,
  createClient,
} from './client.js';
export type { EndpointCheck } from './endpoint-checks.js';
export type { Credential, Endpoint, HostKey } from './endpoints.js';
export type { Readiness } from './health.js';
export type { Breaker } from './limits.js';
export type { OpenPgpKey } from './openpgp-keys.js';
export type { Partner } from './partners.js';
export {
  type Problem,
  type ProblemCode,
  type ProblemItem,
  problem,
  problemCodes,
  problems,
} from './problems.js';
export type { Receipt } from './receipts.js';
export { problemsOf, type Route, type RouteResponse } from './route.js';
export {
  type Asked,
  type Parsed,
  type Reply,
  type RouteName,
  type Routes,
  routeNames,
  routes,
} from './routes.js';
export {
  type Attempt,
  type Delivery,
  type Failure,
  type Progress,
  progress,
  type Run,
  type RunEvent,
} from './runs.js';
export type { Occurrence, Schedule, SchedulePreview } from './schedules.js';
export type { Notification, Subscription } from './subscriptions.js';
export type { Definition, DefinitionAsked, Transfer, TransferVersion } from './transfers.js';
export { type RawRequest, type ValidatedRequest, validateRequest } from './validate-request.js';
export type { Worker } from './workers.js';
