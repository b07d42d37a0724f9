import { type Db, type Endpoint, findEndpoint, findTransfer, type Transfer } from '@waybill/db';
import {
  admitted,
  type EndpointCheckReport,
  type Id,
  type RemotePath,
  suspendedMessage,
} from '@waybill/domain';
import { type CheckClaim, findTransfersReading } from '@waybill/operations';
import { type StorageEndpoint, StorageError } from '@waybill/storage';
import { type DryRunInput, dryRun, explainPath } from '@waybill/transfer';
import { databaseLedger } from './database-ledger.js';
import { type Lookup, openEndpoint } from './open-endpoint.js';

/** An operator waits: files that would take longer to be settled are told of as one look shows them. */
const SETTLE_WITHIN_MS = 60_000;

/**
 * What a run of the transfer would do now.
 * @throws StorageError where the source can't be looked at; the signal's reason
 */
export async function foresee(
  lookup: Lookup,
  { check, endpoint }: CheckClaim,
  signal: AbortSignal,
): Promise<EndpointCheckReport> {
  const transfer = await transferOf(lookup.db, endpoint, check.transfer);
  await using source = await openSource(lookup, endpoint, signal);
  const { currentVersion: version, enabled } = transfer;
  const asked = await inputOf(lookup.db, transfer, endpoint, check.id);
  return { kind: 'dry-run', version, enabled, ...(await dryRun({ ...asked, source, signal })) };
}

/**
 * What runs would do with a file now: of the transfer that was asked for, or of each that reads there.
 * @throws as {@link foresee}
 */
export async function explainFile(
  lookup: Lookup,
  { check, endpoint }: CheckClaim,
  path: RemotePath,
  signal: AbortSignal,
): Promise<EndpointCheckReport> {
  const meant = check.transfer
    ? [await transferOf(lookup.db, endpoint, check.transfer)]
    : await findTransfersReading(lookup.db, endpoint.id, path);
  await using source = await openSource(lookup, endpoint, signal);
  const settleWithinMs = SETTLE_WITHIN_MS / meant.length;
  const transfers = [];
  // One after the other: not every server takes two requests at once.
  for (const transfer of meant) {
    const { id: transferId, name: transferName, currentVersion: version, enabled } = transfer;
    const asked = await inputOf(lookup.db, transfer, endpoint, check.id);
    const explained = await explainPath({ ...asked, source, signal, settleWithinMs }, path);
    transfers.push({ transferId, transferName, version, enabled, ...explained });
  }
  return { kind: 'explanation', transfers };
}

async function transferOf(
  db: Db,
  endpoint: Endpoint,
  asked: CheckClaim['check']['transfer'],
): Promise<Transfer> {
  const transfer = asked && (await findTransfer(db, asked.id));
  if (transfer?.definition.source.endpointId === endpoint.id) return transfer;
  throw new StorageError(
    'misconfigured',
    `transfer ${asked?.name} has come to read from another endpoint than ${endpoint.name}; ask again`,
  );
}

/** Accounts get locked: where no run may go, a look that nobody needs to go on does not go either. */
async function openSource(
  { db, vault, observer }: Lookup,
  endpoint: Endpoint,
  signal: AbortSignal,
): Promise<StorageEndpoint> {
  const { breaker, name } = endpoint;
  if (breaker && admitted(breaker, new Date()) === 'none')
    throw new StorageError(
      breaker.failure?.code ?? 'misconfigured',
      `${suspendedMessage(name, breaker, new Date())}; a probe may go there: "waybill endpoint probe ${name}"`,
    );
  return await openEndpoint(db, vault, endpoint, signal, observer);
}

async function inputOf(
  db: Db,
  { id: transferId, definition }: Transfer,
  { id: sourceEndpointId, profile }: Endpoint,
  checkId: Id,
): Promise<Omit<DryRunInput, 'source' | 'signal'>> {
  const { settings } = (await findEndpoint(db, definition.target.endpointId)) ?? {};
  return {
    ...{ definition, now: () => new Date(), settleWithinMs: SETTLE_WITHIN_MS },
    targetPartNaming: settings && settings.kind !== 's3' ? settings.partNaming : undefined,
    sourceClockOffsetMs: profile?.clockOffsetMs ?? undefined,
    ledger: databaseLedger(db, { transferId, sourceEndpointId, runId: checkId }),
  };
}
