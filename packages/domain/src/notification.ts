import type { Id } from './ids.js';

export const channelKinds = ['webhook', 'mail'] as const;
export type ChannelKind = (typeof channelKinds)[number];

/** How what happened is told. Secrets are not in here. */
export type ChannelSettings =
  | {
      readonly kind: 'webhook';
      readonly url: string;
      /** Addresses of private networks, and of this machine, are refused without it. */
      readonly allowPrivateAddresses: boolean;
    }
  | {
      readonly kind: 'mail';
      readonly to: readonly string[];
      /** What follows within so many seconds of a message is gathered into the next one. */
      readonly foldSeconds: number;
      /** One message a day, at this time, instead of one for what just happened. */
      readonly digest?: { readonly at: string; readonly timeZone: string } | undefined;
    };

/** Which events of which partner are told to whom. */
export interface SubscriptionRule {
  /** Types of audit events such as `run.failed`; `run.*` for all of a noun, `*` for all. */
  readonly events: readonly string[];
  /** Left out: of everybody. */
  readonly partnerId?: Id | undefined;
}

export const notificationStates = ['pending', 'delivered', 'dead'] as const;
/** `dead`: given up; a person may have it sent again. */
export type NotificationState = (typeof notificationStates)[number];

/** What subscriptions look at of an event. */
export interface EventFacts {
  readonly type: string;
  readonly subjectKind: string;
  readonly subjectId: string;
  /** The partners that it concerns. */
  readonly partnerIds: readonly Id[];
}

const PATTERN = /^(\*|[a-z-]+\.(\*|[a-z-]+))$/;

/** Why the pattern can't match any event; `undefined` if it may be used. */
export function whyEventPatternRefused(pattern: string): string | undefined {
  if (PATTERN.test(pattern)) return undefined;
  return 'write a type of events such as "run.failed", "run.*" for all of a noun, or "*" for all';
}

export function isSubscribed(rule: SubscriptionRule, event: EventFacts): boolean {
  if (!rule.events.some((pattern) => matches(pattern, event.type))) return false;
  return rule.partnerId === undefined || event.partnerIds.includes(rule.partnerId);
}

function matches(pattern: string, type: string): boolean {
  if (pattern === '*') return true;
  return pattern.endsWith('.*') ? type.startsWith(pattern.slice(0, -1)) : type === pattern;
}

/** Milliseconds before each further try, as the Standard Webhooks specification proposes: three days in all. */
const RETRY_AFTER_MS = [
  ...[5_000, 5 * 60_000, 30 * 60_000],
  ...[2, 5, 10, 14, 20, 24].map((hours) => hours * 3_600_000),
];

/** When a notification that failed `tries` times is tried again; `undefined`: it is given up. */
export function nextTryAt(tries: number, now: Date): Date | undefined {
  const after = RETRY_AFTER_MS[tries - 1];
  return after === undefined ? undefined : new Date(now.getTime() + after);
}
