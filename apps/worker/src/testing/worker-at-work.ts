import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Database, type Endpoint, openDatabase } from '@waybill/db';
import { type CredentialSecret, type Id, newId, type SftpSettings } from '@waybill/domain';
import { addHostKey, type Context, createEndpoint, registerWorker, setCredential } from '@waybill/operations';
import { openQueueSystem } from '@waybill/queue';
import { createVault, parseMasterKey, type Vault } from '@waybill/secrets';
import { createLogger } from '@waybill/telemetry';
import { createTestDatabase } from '@waybill/testkit';
import type { AttemptParts } from '../execute-attempt.js';

/** An account on a server that a test has started, whichever way that tells its secret. */
export type Account = Pick<SftpSettings, 'host' | 'port' | 'username' | 'root'> & {
  /** `ssh-ed25519 AAAA…`. */
  readonly hostKey: string;
} & (
    | { readonly clientKey: { readonly privateKey: string } }
    | { readonly privateKey: string }
    | { readonly password: string }
  );

/** A registered worker on a database of its own, that a test has execute what it likes. */
export interface WorkerAtWork extends AsyncDisposable {
  readonly context: Context;
  readonly database: Database;
  readonly vault: Vault;
  readonly workerId: Id;
  /** What `executeAttempt` and `executeCheck` ask for. */
  readonly parts: AttemptParts;
  /** Has something released with the worker, before all that was opened earlier. */
  defer(release: () => Promise<unknown>): void;
  /** A new temporary directory, which goes with the worker. */
  directory(): Promise<string>;
  /** Defines an account as an endpoint that can be connected to: with its host key and its credential. */
  account(name: string, account: Account, more?: AccountOptions): Promise<Endpoint>;
  /** Defines a directory on this machine as an endpoint. */
  local(name: string, root: string): Promise<Endpoint>;
}

export interface AccountOptions extends Pick<SftpSettings, 'minimumAssurance'> {
  /** Id or name; nobody's if left out. */
  readonly partner?: string | undefined;
}

/** @param options.sweepAfterMs as in `AttemptParts`; 0 if left out: no sweeps */
export async function openWorkerAtWork({ sweepAfterMs = 0 } = {}): Promise<WorkerAtWork> {
  const releases: (() => Promise<unknown>)[] = [];
  const defer = (release: () => Promise<unknown>) => void releases.push(release);

  const { url, drop } = await createTestDatabase();
  defer(drop);
  const database = openDatabase({ url });
  defer(() => database.close());
  const queue = await openQueueSystem({ databaseUrl: url }, { log: () => {} });
  defer(() => queue.close());

  const context: Context = { database, actor: { kind: 'system', name: 'test' } };
  const vault = createVault(parseMasterKey(randomBytes(32).toString('base64'), 'the test'));
  const worker = { name: 'w', pools: ['default'], host: 'localhost', pid: 1, concurrency: 1 };
  const { id: workerId } = await registerWorker(database, { id: newId(), ...worker });
  const log = createLogger({ name: 'test', level: 'silent' });
  const times = { leaseMs: 30_000, sweepAfterMs };

  return {
    ...{ context, database, vault, workerId, defer },
    parts: { ...context, vault, log, signals: queue.signals, workerId, ...times },
    async directory() {
      const path = await mkdtemp(join(tmpdir(), 'waybill-worker-'));
      defer(() => rm(path, { recursive: true }));
      return path;
    },
    async account(name, account, { partner, minimumAssurance } = {}) {
      const { host, port, username, root, hostKey } = account;
      const patience = { connectTimeoutMs: 20_000, operationTimeoutMs: 20_000, keepaliveMs: 10_000 };
      const endpoint = await createEndpoint(context, {
        ...{ name, partner },
        settings: { kind: 'sftp', host, port, username, root, ...patience, minimumAssurance },
      });
      await addHostKey(context, endpoint.id, hostKey);
      await setCredential(context, endpoint.id, secretOf(account), vault);
      return endpoint;
    },
    local: (name, root) => createEndpoint(context, { name, settings: { kind: 'local', root } }),
    async [Symbol.asyncDispose]() {
      for (const release of releases.reverse()) await release();
    },
  };
}

function secretOf(account: Account): CredentialSecret {
  if ('password' in account) return { kind: 'password', password: account.password };
  const { privateKey } = 'clientKey' in account ? account.clientKey : account;
  return { kind: 'private-key', privateKey };
}
