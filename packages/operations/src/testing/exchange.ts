import {
  type Database,
  type Fence,
  listAuditEvents,
  openDatabase,
  type Run,
  type Transfer,
} from '@waybill/db';
import {
  type Actor,
  defaultRetryPolicy,
  newId,
  rootPath,
  type SftpSettings,
  type TransferDefinition,
} from '@waybill/domain';
import { createTestDatabase } from '@waybill/testkit';
import { claimRun } from '../claim-run.js';
import type { Context } from '../context.js';
import { createEndpoint } from '../define-endpoint.js';
import { createTransfer } from '../define-transfer.js';
import { triggerRun } from '../trigger-run.js';
import { registerWorker } from '../workers.js';

export const actor: Actor = { kind: 'system', name: 'test' };

export interface TestContext extends Context, AsyncDisposable {
  readonly url: string;
}

/** A context on a database of its own. */
export async function openTestContext(): Promise<TestContext> {
  const { url, drop } = await createTestDatabase();
  // A server need not be set to UTC, and no time may depend on it.
  const database = openDatabase({ url: `${url}?options=-c%20TimeZone%3DAmerica/New_York` });
  return {
    url,
    database,
    actor,
    async [Symbol.asyncDispose]() {
      await database.close();
      await drop();
    },
  };
}

/** Of an account that nothing connects to. */
export const sftpSettings: SftpSettings = {
  kind: 'sftp',
  host: 'sftp.example.com',
  port: 22,
  username: 'acme',
  root: '.',
  connectTimeoutMs: 20_000,
  operationTimeoutMs: 30_000,
  keepaliveMs: 15_000,
};

/** A pull of everything from an SFTP endpoint into a local one, under names that nothing else has. */
export async function makeTransfer(context: Context, name = `t-${newId()}`): Promise<Transfer> {
  return await createTransfer(context, { name, definition: await makeDefinition(context, name) });
}

export async function makeDefinition(context: Context, name: string): Promise<TransferDefinition> {
  const source = await createEndpoint(context, {
    name: `${name}-source`,
    settings: sftpSettings,
  });
  const settings = { kind: 'local', root: '/srv/in' } as const;
  const target = await createEndpoint(context, { name: `${name}-target`, settings, pool: 'dmz' });
  return {
    source: { endpointId: source.id, directory: rootPath, include: ['*'], exclude: [] },
    target: { endpointId: target.id, directory: rootPath },
    disposition: { kind: 'keep' },
    conflict: 'replace',
    verification: 'size',
    concurrency: 4,
    retry: defaultRetryPolicy,
  };
}

export async function makeRun(context: Context): Promise<Run> {
  const { id } = await makeTransfer(context);
  return (await triggerRun(context, { transferId: id })).run;
}

export async function makeWorker(database: Database): Promise<string> {
  const worker = { name: 'w', pools: ['default'], host: 'localhost', pid: 1, concurrency: 2 };
  return (await registerWorker(database, { id: newId(), ...worker })).id;
}

/** A run that a worker has just begun to execute. */
export async function startedRun(
  context: Context,
  options: { readonly run?: Run; readonly leaseMs?: number } = {},
): Promise<Fence> {
  const { id: runId, epoch } = options.run ?? (await makeRun(context));
  const workerId = await makeWorker(context.database);
  const claim = await claimRun(context, { runId, epoch, workerId, leaseMs: options.leaseMs ?? 60_000 });
  if (claim.kind !== 'claimed') throw new Error(`the run was ${claim.kind}`);
  return claim.fence;
}

/** The types of all events about a record, oldest first. */
export async function eventsOf(database: Database, subjectId: string): Promise<string[]> {
  const page = await listAuditEvents(database, { limit: 200 }, { subjectId });
  return page.items.map(({ type }) => type).reverse();
}
