import { type Db, type Endpoint, findEndpoint } from '@waybill/db';
import {
  type CredentialPurpose,
  type CredentialSecret,
  type LegacyAlgorithm,
  MAX_JUMPS,
  type ProxySettings,
  type SftpSettings,
} from '@waybill/domain';
import type { HostKey } from '@waybill/domain/host-key';
import { openCredential, trustedHostKeys } from '@waybill/operations';
import { SecretRefused, type Vault } from '@waybill/secrets';
import { openSftpEndpoint, type ProxyRoute, type Route, type SftpOptions } from '@waybill/sftp';
import { openLocalEndpoint, type StorageEndpoint, StorageError } from '@waybill/storage';

/** Told what is learned of a server on the way: the endpoint's own, or one that is its jump host. */
export interface EndpointObserver {
  /** The keys that the server has proved to hold. */
  announcedHostKeys(endpoint: Endpoint, keys: readonly HostKey[]): void;
  /** The key that it offered, where that is not a trusted one. */
  refusedHostKey(endpoint: Endpoint, key: HostKey): void;
  /** It did not let us in with its credential. */
  refusedSecret(endpoint: Endpoint): void;
  /** The weak algorithms that were agreed on with it. */
  legacyAlgorithms(endpoint: Endpoint, names: readonly LegacyAlgorithm[]): void;
  /** What the server can't do, and what is ignored on purpose. */
  log(message: string): void;
}

/**
 * Endpoint record → open storage endpoint: the one switch over protocols.
 * @throws StorageError
 */
export async function openEndpoint(
  db: Db,
  vault: Vault,
  endpoint: Endpoint,
  signal: AbortSignal,
  observer: EndpointObserver,
): Promise<StorageEndpoint> {
  const { settings } = endpoint;
  switch (settings.kind) {
    case 'local':
      return await openLocalEndpoint(settings);
    case 'sftp': {
      const options = await sftpOptions({ db, vault, observer }, endpoint, settings);
      const { profile } = endpoint;
      return await openSftpEndpoint({ ...options, ...(profile && { profile }) }, signal);
    }
    case 's3': {
      const secret = await accountOf({ db, vault }, endpoint);
      // Its client library is large: workers that need none do not load it.
      const { openS3Endpoint } = await import('@waybill/s3');
      return await openS3Endpoint({ ...settings, secret }, signal);
    }
  }
}

interface Secrets {
  readonly db: Db;
  readonly vault: Vault;
}

/** What is needed to look up an endpoint's secrets and the way to its server. */
export interface Lookup extends Secrets {
  readonly observer: EndpointObserver;
}

/**
 * What it takes to connect to the account that `settings` of the endpoint name, and to get there.
 * @throws StorageError `misconfigured` if a credential is missing or cannot be opened, or the route leads nowhere
 */
export async function sftpOptions(
  lookup: Lookup,
  endpoint: Endpoint,
  settings: SftpSettings,
  jumpsLeft = MAX_JUMPS,
): Promise<SftpOptions> {
  const { db, observer } = lookup;
  const secret = await accountOf(lookup, endpoint);
  return {
    ...settings,
    secret,
    hostKeys: await trustedHostKeys(db, endpoint.id),
    route: await routeTo(lookup, endpoint, settings, jumpsLeft),
    onAnnouncedHostKeys: (keys) => observer.announcedHostKeys(endpoint, keys),
    onRefusedHostKey: (key) => observer.refusedHostKey(endpoint, key),
    onRefusedSecret: () => observer.refusedSecret(endpoint),
    onLegacyAlgorithms: (names) => observer.legacyAlgorithms(endpoint, names),
    log: (message) => observer.log(message),
  };
}

/**
 * How connections get to the endpoint's server; undefined if directly.
 * @throws StorageError `misconfigured` as `sftpOptions` does, for a credential on the way
 */
export async function routeTo(
  lookup: Lookup,
  endpoint: Endpoint,
  { route }: SftpSettings,
  jumpsLeft = MAX_JUMPS,
): Promise<Route | undefined> {
  if (route === undefined) return undefined;
  if (route.kind !== 'jump') return await proxyOf(lookup, endpoint, route);
  const host = await findEndpoint(lookup.db, route.endpointId);
  if (host?.settings.kind !== 'sftp')
    throw misconfigured(`the jump host of endpoint ${endpoint.name} is no SFTP endpoint; correct its route`);
  // Refused when it is defined; two changes at the same time may still have made it.
  if (jumpsLeft === 0)
    throw misconfigured(
      `more than ${MAX_JUMPS} jump hosts stand one behind the other, up to endpoint ${endpoint.name}; correct their routes`,
    );
  return { kind: 'jump', host: await sftpOptions(lookup, host, host.settings, jumpsLeft - 1) };
}

async function proxyOf(lookup: Lookup, endpoint: Endpoint, route: ProxySettings): Promise<ProxyRoute> {
  if (route.username === undefined) return route;
  const secret = await readCredential(lookup, endpoint, 'proxy');
  if (secret?.kind === 'password') return { ...route, password: secret.password };
  throw misconfigured(
    `endpoint ${endpoint.name} has no password for the user ${route.username} of its proxy: set it with ` +
      `"waybill endpoint credential ${endpoint.name} --proxy"`,
  );
}

async function accountOf(secrets: Secrets, endpoint: Endpoint): Promise<CredentialSecret> {
  const secret = await readCredential(secrets, endpoint, 'account');
  if (secret) return secret;
  throw misconfigured(
    `endpoint ${endpoint.name} has no credential: set one with "waybill endpoint credential ${endpoint.name}"`,
  );
}

async function readCredential({ db, vault }: Secrets, { id, name }: Endpoint, purpose: CredentialPurpose) {
  try {
    return await openCredential(db, id, vault, purpose);
  } catch (cause) {
    if (!(cause instanceof SecretRefused)) throw cause;
    throw misconfigured(
      `endpoint ${name}: ${cause.message}; give the worker the right WAYBILL_MASTER_KEY, or set the credential again`,
      cause,
    );
  }
}

function misconfigured(message: string, cause?: Error): StorageError {
  return new StorageError('misconfigured', message, { cause });
}
