import {
  type ApiKeyRecord,
  type Calendar,
  type Database,
  type Endpoint,
  type EndpointCheck,
  findApiKey,
  findCalendar,
  findEndpoint,
  findEndpointCheck,
  findNotification,
  findOpenPgpKey,
  findPartner,
  findRun,
  findSchedule,
  findSubscription,
  findTransfer,
  type Notification,
  type OpenPgpKey,
  type Partner,
  type Run,
  type Schedule,
  type Subscription,
  type Transfer,
} from '@waybill/db';
import { isId } from '@waybill/domain';
import { invalid, notFound } from './refusal.js';

/** Records by id or unique name. Each throws a `not-found` refusal where there is none. */
export const find = {
  partner: finder<Partner>('partner', findPartner),
  endpoint: finder<Endpoint>('endpoint', findEndpoint),
  endpointCheck: finder<EndpointCheck>('endpoint check', async (database, id) =>
    isId(id) ? await findEndpointCheck(database, id) : undefined,
  ),
  transfer: finder<Transfer>('transfer', findTransfer),
  openPgpKey: finder<OpenPgpKey>('OpenPGP key', findOpenPgpKey),
  calendar: finder<Calendar>('calendar', findCalendar),
  schedule: finder<Schedule>('schedule', findSchedule),
  subscription: finder<Subscription>('subscription', findSubscription),
  notification: finder<Notification>('notification', async (database, id) =>
    isId(id) ? await findNotification(database, id) : undefined,
  ),
  apiKey: finder<ApiKeyRecord>('API key', findApiKey),
  run: finder<Run>('run', async (database, id) => (isId(id) ? await findRun(database, id) : undefined)),
};

type Lookup<T> = (database: Database, idOrName: string) => Promise<T | undefined>;

function finder<T>(kind: string, lookup: Lookup<T>) {
  return async (database: Database, idOrName: string): Promise<T> => {
    const record = await lookup(database, idOrName);
    if (record === undefined) throw notFound(kind, idOrName);
    return record;
  };
}

/** The id of the record that a query parameter refers to. @throws Refusal naming the parameter */
export async function idForFilter(
  database: Database,
  kind: 'partner' | 'transfer' | 'subscription',
  reference: string | undefined,
): Promise<string | undefined> {
  if (reference === undefined) return undefined;
  const lookup = { partner: findPartner, transfer: findTransfer, subscription: findSubscription }[kind];
  const record = await lookup(database, reference);
  if (!record) throw invalid([{ parameter: kind, message: `there is no ${kind} "${reference}"` }]);
  return record.id;
}

/** The id of the record that a field of the body refers to. @throws Refusal naming the field */
export async function idForField(
  database: Database,
  kind: 'partner' | 'endpoint' | 'transfer',
  reference: string,
  pointer: string,
): Promise<string> {
  const lookup = { partner: findPartner, endpoint: findEndpoint, transfer: findTransfer }[kind];
  const record = await lookup(database, reference);
  if (!record) throw invalid([{ pointer, message: `there is no ${kind} "${reference}"` }]);
  return record.id;
}
