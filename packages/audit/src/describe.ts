import type { AuditEvent, EndpointCheckData } from './event.js';

/** One English sentence without subject and full stop, to stand after the actor's name: "created partner acme". */
export function describeEvent(event: AuditEvent): string {
  switch (event.type) {
    case 'partner.created':
      return `created partner ${event.data.name}`;
    case 'partner.updated':
      return `changed ${list(event.data.changed)} of partner ${event.data.name}`;
    case 'endpoint.created':
      return `created ${event.data.kind} endpoint ${event.data.name}`;
    case 'endpoint.updated':
      return `changed ${list(event.data.changed)} of endpoint ${event.data.name}`;
    case 'endpoint.suspended':
      return `suspended endpoint ${event.data.endpoint} ${event.data.until === undefined ? 'until somebody acts' : `until ${event.data.until}`} (${event.data.failureCode}): ${event.data.failureMessage}`;
    case 'endpoint.resumed':
      return `lets runs go to endpoint ${event.data.endpoint} again: ${event.data.reason}`;
    case 'endpoint-check.requested':
      return `asked for ${checkOf(event.data)}`;
    case 'endpoint-check.started':
      return `started ${checkOf(event.data)}`;
    case 'endpoint-check.succeeded':
      return `finished ${checkOf(event.data)}`;
    case 'endpoint-check.failed':
      return `finished ${checkOf(event.data)}, which failed: ${event.data.reason}`;
    case 'host-key.added':
      return `added ${event.data.state} host key ${event.data.fingerprint} (${event.data.algorithm}) to endpoint ${event.data.endpoint}`;
    case 'host-key.state-changed':
      return `changed host key ${event.data.fingerprint} of endpoint ${event.data.endpoint} from ${event.data.from} to ${event.data.to}`;
    case 'credential.set':
      return event.data.purpose === 'proxy'
        ? `set the password for the proxy of endpoint ${event.data.endpoint}`
        : `set the credential (${event.data.kind}) of endpoint ${event.data.endpoint}`;
    case 'transfer.created':
      return `created ${event.data.kind} transfer ${event.data.name}`;
    case 'transfer.updated':
      return `changed ${list(event.data.changed)} of transfer ${event.data.name}, now version ${event.data.version}`;
    case 'transfer.files-forgotten':
      return `had transfer ${event.data.name} forget ${event.data.files} delivered file(s) at ${event.data.path}`;
    case 'calendar.created':
      return `created calendar ${event.data.name} with ${event.data.holidays} holiday(s)`;
    case 'calendar.updated':
      return `changed ${list(event.data.changed)} of calendar ${event.data.name}, now ${event.data.holidays} holiday(s)`;
    case 'calendar.removed':
      return `removed calendar ${event.data.name}`;
    case 'schedule.created':
      return `created schedule ${event.data.name} of transfer ${event.data.transfer}: ${event.data.cron} in ${event.data.timeZone}`;
    case 'schedule.updated':
      return `changed ${list(event.data.changed)} of schedule ${event.data.name}`;
    case 'occurrence.skipped':
      return event.data.until === undefined
        ? `skipped the occurrence of schedule ${event.data.schedule} at ${event.data.dueAt}: ${event.data.reason}`
        : `skipped the occurrences of schedule ${event.data.schedule} from ${event.data.dueAt} to ${event.data.until}: ${event.data.reason}`;
    case 'run.triggered':
      return event.data.schedule === undefined
        ? `triggered a run of transfer ${event.data.transfer}`
        : `triggered a run of transfer ${event.data.transfer} ${event.data.trigger === 'schedule' ? 'by' : 'for'} schedule ${event.data.schedule}, due at ${event.data.dueAt}`;
    case 'run.started':
      return `started attempt ${event.data.epoch} of a run of transfer ${event.data.transfer}`;
    case 'run.legacy-algorithms':
      return `agreed on weak algorithms with endpoint ${event.data.endpoint} in a run of transfer ${event.data.transfer}: ${list(event.data.algorithms)}`;
    case 'run.acknowledged':
      return `found ${event.data.acknowledged} of ${event.data.of} file(s) acknowledged in a run of transfer ${event.data.transfer}`;
    case 'run.succeeded':
      return `finished a run of transfer ${event.data.transfer}: ${event.data.delivered} file(s), ${event.data.bytes} bytes delivered`;
    case 'run.partial':
      return `finished a run of transfer ${event.data.transfer} in part: ${event.data.delivered} file(s) delivered, ${event.data.failed} failed`;
    case 'run.failed':
      return `gave up a run of transfer ${event.data.transfer} (${event.data.failureCode}): ${event.data.failureMessage}`;
    case 'run.held':
      return `held a run of transfer ${event.data.transfer} (${event.data.failureCode}): ${event.data.failureMessage}`;
    case 'run.cancelled':
      return `cancelled a run of transfer ${event.data.transfer}: ${event.data.reason}`;
    case 'run.cancel-requested':
      return `asked to cancel a run of transfer ${event.data.transfer}`;
    case 'run.retried':
      return `retried a ${event.data.from} run of transfer ${event.data.transfer}${allowed(event.data.duplicatesAllowed)}`;
    case 'run.requeued':
      return `put a run of transfer ${event.data.transfer} back into the queue (${event.data.cause}): ${event.data.reason}`;
    case 'api-key.created':
      return `created API key ${event.data.name} (${event.data.prefix}) with scopes ${list(event.data.scopes)}`;
    case 'api-key.revoked':
      return `revoked API key ${event.data.name} (${event.data.prefix})`;
    case 'subscription.created':
      return `created subscription ${event.data.name}: ${list(event.data.events)} to ${list(event.data.to)}`;
    case 'subscription.updated':
      return `changed ${list(event.data.changed)} of subscription ${event.data.name}`;
    case 'subscription.secret-renewed':
      return `renewed the secret of subscription ${event.data.name}`;
    case 'notification.given-up':
      return `gave up a message to subscription ${event.data.subscription} after ${event.data.failures} tries: ${event.data.reason}`;
    case 'notification.replayed':
      return `had a message to subscription ${event.data.subscription} sent again`;
    case 'openpgp-key.imported':
      return `imported ${event.data.hasPrivatePart ? 'private' : 'public'} OpenPGP key ${event.data.name} (${event.data.fingerprint})`;
    case 'openpgp-key.removed':
      return `removed OpenPGP key ${event.data.name} (${event.data.fingerprint})`;
    case 'request.denied':
      return `was denied ${event.data.method} ${event.data.path} with status ${event.data.status}: ${event.data.reason}`;
    case 'service.started':
      return `started Waybill ${event.data.version}`;
    case 'service.stopped':
      return `stopped Waybill ${event.data.version}`;
  }
}

function list(words: readonly string[]): string {
  return words.length === 0 ? 'nothing' : words.join(', ');
}

function checkOf({ kind, endpoint, transfer, path }: EndpointCheckData): string {
  if (path !== undefined)
    return `an ${kind} of ${path} at ${endpoint}${transfer === undefined ? '' : ` for transfer ${transfer}`}`;
  return transfer === undefined ? `a ${kind} of endpoint ${endpoint}` : `a ${kind} of transfer ${transfer}`;
}

function allowed(duplicates: number | undefined): string {
  return duplicates === undefined
    ? ''
    : `, allowing ${duplicates} file(s) with content that was delivered before`;
}
