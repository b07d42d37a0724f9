import type {
  CalendarRule,
  CatchUpRule,
  ChannelKind,
  CredentialKind,
  EndpointCheckKind,
  EndpointKind,
  FailureCode,
  HostKeyState,
  Id,
  OverlapRule,
  RemoteHashSource,
  RunTrigger,
  Scope,
  TransferKind,
  Verification,
} from '@waybill/domain';

/** What an event is about. */
export type SubjectKind =
  | 'partner'
  | 'endpoint'
  | 'transfer'
  | 'calendar'
  | 'schedule'
  | 'run'
  | 'api-key'
  | 'subscription'
  | 'openpgp-key'
  | 'request'
  | 'service';

/** The subject's id, and what the event says about it. The types are the allow-list: what has no field is not recorded. */
interface Variant<Type extends string, Subject extends SubjectKind, Data> {
  readonly type: Type;
  readonly subject: { readonly kind: Subject; readonly id: string };
  readonly data: Data;
}

interface PartnerData {
  readonly name: string;
  readonly title: string;
}

interface EndpointData {
  readonly name: string;
  readonly kind: EndpointKind;
  readonly partnerId?: Id;
  readonly pool: string;
  readonly root: string;
  readonly host?: string;
  readonly port?: number;
  readonly username?: string;
  readonly remoteHash?: RemoteHashSource;
  /** `size` if left out. */
  readonly minimumAssurance?: Verification;
  /** Such as `suffix .tmp`; our own if left out. */
  readonly partNaming?: string;
  readonly url?: string;
  readonly region?: string;
  readonly bucket?: string;
  /** Without a secret, such as `socks5://user@proxy.example:1080` or `jump:<id>`. */
  readonly route?: string;
  readonly legacyAlgorithms?: readonly string[];
  /** EndpointLimits as JSON; none if left out. */
  readonly limits?: string;
}

export interface EndpointCheckData {
  readonly endpoint: string;
  readonly checkId: Id;
  readonly kind: EndpointCheckKind;
  /** By name; of a dry run, and of an explanation that was asked for one. */
  readonly transfer?: string;
  readonly path?: string;
}

interface HostKeyData {
  readonly endpoint: string;
  readonly hostKeyId: Id;
  readonly algorithm: string;
  readonly fingerprint: string;
}

interface TransferData {
  readonly name: string;
  readonly kind: TransferKind;
  readonly enabled: boolean;
  readonly version: number;
  readonly source: { readonly endpointId: Id; readonly directory: string };
  readonly target: { readonly endpointId: Id; readonly directory: string };
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly disposition: string;
  /** Their kinds, in order. */
  readonly transforms?: readonly string[];
}

interface OpenPgpKeyData {
  readonly name: string;
  readonly fingerprint: string;
  readonly userIds: readonly string[];
  /** Whether its private part came, or went, with it. */
  readonly hasPrivatePart: boolean;
  readonly expiresAt?: string;
}

interface ScheduleData {
  readonly name: string;
  readonly transfer: string;
  readonly cron: string;
  readonly timeZone: string;
  readonly calendar?: { readonly name: string; readonly rule: CalendarRule };
  readonly overlap: OverlapRule;
  readonly jitterSeconds: number;
  readonly catchUp: CatchUpRule;
  readonly catchUpWithinMinutes?: number;
  readonly pausedUntil?: string;
  readonly enabled: boolean;
}

interface CalendarData {
  readonly name: string;
  readonly weekend: readonly number[];
  /** How many. */
  readonly holidays: number;
}

interface RunData {
  readonly transfer: string;
  readonly version: number;
}

interface AttemptData extends RunData {
  readonly epoch: number;
}

interface SubscriptionData {
  readonly name: string;
  readonly kind: ChannelKind;
  /** The receiver: of a webhook the origin of its address, whose path may hold a secret; of mail the addresses. */
  readonly to: readonly string[];
  readonly events: readonly string[];
  readonly partnerId?: Id;
  readonly enabled: boolean;
}

interface NotificationData {
  readonly subscription: string;
  readonly notificationId: Id;
}

/** What a run did with its files. Sizes in bytes. */
export interface RunCounts {
  readonly delivered: number;
  readonly failed: number;
  readonly skipped: number;
  readonly bytes: number;
}

interface ReceiptData {
  /** The endpoints' names at that time, which the receipt states. */
  readonly source: string;
  readonly target: string;
  /** Hex. */
  readonly receiptSha256: string;
}

interface FailureData {
  readonly failureCode: FailureCode;
  readonly failureMessage: string;
}

/** Something that happened to a record, by an actor. One variant per type; none has room for a secret. */
export type AuditEvent =
  | Variant<'partner.created', 'partner', PartnerData>
  | Variant<'partner.updated', 'partner', PartnerData & { readonly changed: readonly string[] }>
  | Variant<'endpoint.created', 'endpoint', EndpointData>
  | Variant<'endpoint.updated', 'endpoint', EndpointData & { readonly changed: readonly string[] }>
  | Variant<
      'endpoint.suspended',
      'endpoint',
      FailureData & {
        readonly endpoint: string;
        /** Runs in a row that did not reach it. */
        readonly failures: number;
        /** Left out: until somebody acts. */
        readonly until?: string;
      }
    >
  | Variant<'endpoint.resumed', 'endpoint', { readonly endpoint: string; readonly reason: string }>
  | Variant<'endpoint-check.requested', 'endpoint', EndpointCheckData>
  | Variant<'endpoint-check.started', 'endpoint', EndpointCheckData>
  | Variant<'endpoint-check.succeeded', 'endpoint', EndpointCheckData>
  | Variant<'endpoint-check.failed', 'endpoint', EndpointCheckData & { readonly reason: string }>
  | Variant<'host-key.added', 'endpoint', HostKeyData & { readonly state: HostKeyState }>
  | Variant<
      'host-key.state-changed',
      'endpoint',
      HostKeyData & { readonly from: HostKeyState; readonly to: HostKeyState }
    >
  | Variant<
      'credential.set',
      'endpoint',
      {
        readonly endpoint: string;
        readonly kind: CredentialKind;
        /** Left out: the account. */
        readonly purpose?: 'proxy';
      }
    >
  | Variant<'transfer.created', 'transfer', TransferData>
  | Variant<'transfer.updated', 'transfer', TransferData & { readonly changed: readonly string[] }>
  | Variant<
      'transfer.files-forgotten',
      'transfer',
      {
        readonly name: string;
        /** The path, or the glob, that was asked for. */
        readonly path: string;
        readonly files: number;
      }
    >
  | Variant<'calendar.created', 'calendar', CalendarData>
  | Variant<
      'calendar.updated',
      'calendar',
      CalendarData & {
        readonly changed: readonly string[];
        /** Dates that became holidays, and that no longer are. */
        readonly added?: readonly string[];
        readonly removed?: readonly string[];
      }
    >
  | Variant<'calendar.removed', 'calendar', CalendarData>
  | Variant<'schedule.created', 'schedule', ScheduleData>
  | Variant<'schedule.updated', 'schedule', ScheduleData & { readonly changed: readonly string[] }>
  | Variant<
      'occurrence.skipped',
      'schedule',
      {
        readonly schedule: string;
        readonly dueAt: string;
        /** Of several in a row: the last one's due time. */
        readonly until?: string;
        readonly reason: string;
      }
    >
  | Variant<
      'run.triggered',
      'run',
      RunData & { readonly trigger: RunTrigger; readonly schedule?: string; readonly dueAt?: string }
    >
  | Variant<'run.started', 'run', AttemptData>
  | Variant<
      'run.legacy-algorithms',
      'run',
      AttemptData & { readonly endpoint: string; readonly algorithms: readonly string[] }
    >
  /** How many delivered files of the run the partner has acknowledged by its end, of those that it was to. */
  | Variant<'run.acknowledged', 'run', AttemptData & { readonly acknowledged: number; readonly of: number }>
  | Variant<'run.succeeded', 'run', AttemptData & RunCounts & ReceiptData>
  | Variant<'run.partial', 'run', AttemptData & RunCounts & ReceiptData>
  | Variant<'run.failed', 'run', AttemptData & FailureData & RunCounts>
  | Variant<'run.held', 'run', AttemptData & FailureData>
  | Variant<'run.cancelled', 'run', RunData & { readonly reason: string }>
  | Variant<'run.cancel-requested', 'run', RunData>
  | Variant<
      'run.retried',
      'run',
      RunData & {
        readonly from: string;
        /** Files that are delivered although their content was before. */
        readonly duplicatesAllowed?: number;
      }
    >
  | Variant<
      'run.requeued',
      'run',
      AttemptData & {
        readonly cause: 'retry' | 'attempt-lost' | 'handed-back' | 'host-key-trusted';
        readonly reason: string;
        readonly notBefore?: string;
      }
    >
  | Variant<
      'api-key.created',
      'api-key',
      {
        readonly name: string;
        readonly prefix: string;
        readonly scopes: readonly Scope[];
        readonly expiresAt?: string;
      }
    >
  | Variant<'api-key.revoked', 'api-key', { readonly name: string; readonly prefix: string }>
  | Variant<'subscription.created', 'subscription', SubscriptionData>
  | Variant<
      'subscription.updated',
      'subscription',
      SubscriptionData & { readonly changed: readonly string[] }
    >
  | Variant<'subscription.secret-renewed', 'subscription', { readonly name: string }>
  | Variant<
      'notification.given-up',
      'subscription',
      NotificationData & { readonly failures: number; readonly reason: string }
    >
  | Variant<'notification.replayed', 'subscription', NotificationData>
  | Variant<'openpgp-key.imported', 'openpgp-key', OpenPgpKeyData>
  | Variant<'openpgp-key.removed', 'openpgp-key', OpenPgpKeyData>
  | Variant<
      'request.denied',
      'request',
      { readonly method: string; readonly path: string; readonly status: 401 | 403; readonly reason: string }
    >
  | Variant<'service.started', 'service', { readonly version: string }>
  | Variant<'service.stopped', 'service', { readonly version: string }>;

export const auditOutcomes = ['succeeded', 'denied'] as const;
export type AuditOutcome = (typeof auditOutcomes)[number];

/** Only a denied request has another outcome: what was refused for other reasons changed nothing and is no event. */
export function outcomeOf(event: AuditEvent): AuditOutcome {
  return event.type === 'request.denied' ? 'denied' : 'succeeded';
}
