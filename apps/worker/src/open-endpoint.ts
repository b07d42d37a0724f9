import type { Db, Endpoint } from '@waybill/db';
import type { CredentialSecret, SftpSettings } from '@waybill/domain';
import type { HostKey } from '@waybill/domain/host-key';
import { openCredential, trustedHostKeys } from '@waybill/operations';
import { SecretRefused, type Vault } from '@waybill/secrets';
import { openSftpEndpoint, type SftpOptions } from '@waybill/sftp';
import { openLocalEndpoint, type StorageEndpoint, StorageError } from '@waybill/storage';

/**
 * Endpoint record → open storage endpoint: the one switch over protocols.
 * @param onAnnouncedHostKeys told the keys that the server has proved to hold
 * @param log told what the server can't do, and what is ignored on purpose
 * @throws StorageError
 */
export async function openEndpoint(
  db: Db,
  vault: Vault,
  endpoint: Endpoint,
  signal: AbortSignal,
  onAnnouncedHostKeys: (endpoint: Endpoint, keys: readonly HostKey[]) => void,
  log: (message: string) => void,
): Promise<StorageEndpoint> {
  const { settings } = endpoint;
  switch (settings.kind) {
    case 'local':
      return await openLocalEndpoint({ root: settings.root });
    case 'sftp': {
      const announced = (keys: readonly HostKey[]) => onAnnouncedHostKeys(endpoint, keys);
      const options = await sftpOptions(db, vault, endpoint, settings);
      const { profile } = endpoint;
      return await openSftpEndpoint(
        { ...options, ...(profile && { profile }), onAnnouncedHostKeys: announced, log },
        signal,
      );
    }
    case 's3': {
      const secret = await readCredential(db, vault, endpoint);
      // Its client library is large: workers that need none do not load it.
      const { openS3Endpoint } = await import('@waybill/s3');
      return await openS3Endpoint({ ...settings, secret }, signal);
    }
  }
}

/**
 * What it takes to connect to the account that `settings` of the endpoint name.
 * @throws StorageError `misconfigured` if the endpoint has no credential, or one that cannot be opened
 */
export async function sftpOptions(
  db: Db,
  vault: Vault,
  endpoint: Endpoint,
  settings: SftpSettings,
): Promise<SftpOptions> {
  const secret = await readCredential(db, vault, endpoint);
  const hostKeys = await trustedHostKeys(db, endpoint.id);
  return { ...settings, secret, hostKeys };
}

async function readCredential(db: Db, vault: Vault, { id, name }: Endpoint): Promise<CredentialSecret> {
  const secret = await openSealed(db, vault, { id, name });
  if (secret) return secret;
  throw new StorageError(
    'misconfigured',
    `endpoint ${name} has no credential: set one with "waybill endpoint credential ${name}"`,
  );
}

async function openSealed(db: Db, vault: Vault, { id, name }: Pick<Endpoint, 'id' | 'name'>) {
  try {
    return await openCredential(db, id, vault);
  } catch (cause) {
    if (!(cause instanceof SecretRefused)) throw cause;
    throw new StorageError(
      'misconfigured',
      `endpoint ${name}: ${cause.message}; give the worker the right WAYBILL_MASTER_KEY, or set the credential again`,
      { cause },
    );
  }
}
