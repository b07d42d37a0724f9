import type { Client, Endpoint } from '@waybill/contract';
import { fetchUpTo } from './paging.js';

/** Names of records, by id: what people are shown instead of ids. */
export type Names = (id: string | null) => string;

export async function endpointNames(client: Client, signal: AbortSignal): Promise<Names> {
  return lookUp(
    await fetchUpTo(Number.POSITIVE_INFINITY, (query) => client.call('listEndpoints', { query, signal })),
  );
}

export async function partnerNames(client: Client, signal: AbortSignal): Promise<Names> {
  return lookUp(
    await fetchUpTo(Number.POSITIVE_INFINITY, (query) => client.call('listPartners', { query, signal })),
  );
}

export async function transferNames(client: Client, signal: AbortSignal): Promise<Names> {
  return lookUp(
    await fetchUpTo(Number.POSITIVE_INFINITY, (query) => client.call('listTransfers', { query, signal })),
  );
}

/** An endpoint's place in one line. */
export function placeOf({ settings }: Endpoint): string {
  if (settings.kind === 'local') return settings.root;
  if (settings.kind === 's3') {
    const { bucket, root, url, region } = settings;
    return `s3://${bucket}${root === '' ? '' : `/${root}`} at ${url ?? region}`;
  }
  return `${settings.username}@${settings.host}:${settings.port} ${settings.root}`;
}

function lookUp({ items }: { items: readonly { id: string; name: string }[] }): Names {
  const names = new Map(items.map(({ id, name }) => [id, name]));
  return (id) => (id === null ? '' : (names.get(id) ?? id));
}
