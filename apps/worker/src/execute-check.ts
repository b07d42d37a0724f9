import { isUnavailable, listHostKeys } from '@waybill/db';
import type { EndpointCheckReport, SftpSettings } from '@waybill/domain';
import {
  announceCheckOver,
  type CheckClaim,
  type CheckResult,
  checkLimitMs,
  finishCheck,
  proposeHostKeys,
} from '@waybill/operations';
import { probeEndpoint, probeHostKey } from '@waybill/sftp';
import { StorageError } from '@waybill/storage';
import { compareScan } from './compare-scan.js';
import type { AttemptParts } from './execute-attempt.js';
import { failureOf } from './failure-of.js';
import { explainFile, foresee } from './foresee.js';
import { type Lookup, routeTo, sftpOptions } from './open-endpoint.js';
import { probeDirectory } from './probe-directory.js';

export type CheckParts = Omit<AttemptParts, 'leaseMs' | 'sweepAfterMs'>;

/** Carries out a check that this worker has claimed, to its end on record; tells who waits for it. */
export async function executeCheck(
  parts: CheckParts,
  claim: CheckClaim,
  shutdown: AbortSignal,
): Promise<void> {
  const { database, actor, signals } = parts;
  const { check } = claim;
  const log = parts.log.child({ check: check.id, kind: check.kind, endpoint: check.endpointName });
  const result = await carryOut({ ...parts, log }, claim, shutdown);
  const kept = await finishCheck({ database, actor }, claim, result);
  if (kept) log.info({ failure: 'failure' in result ? result.failure : undefined }, 'check ended');
  else log.warn('the result came too late: the check was given up for lost');
  await announceCheckOver(signals, check);
}

async function carryOut(parts: CheckParts, claim: CheckClaim, shutdown: AbortSignal): Promise<CheckResult> {
  const { actor } = parts;
  const deadline = AbortSignal.timeout(checkLimitMs);
  try {
    return { report: await report(parts, claim, AbortSignal.any([shutdown, deadline])) };
  } catch (error) {
    if (shutdown.aborted)
      return {
        failure: {
          code: 'attempt-lost',
          message: `worker ${actor.name} was stopped while it carried out the check; ask for it again`,
        },
      };
    if (deadline.aborted)
      return {
        failure: {
          code: 'timed-out',
          message:
            `the check was not done within ${checkLimitMs / 1_000} s and was broken off by worker ${actor.name}; ` +
            'ask the partner why the server is slow, then ask for the check again',
        },
      };
    // Without the database nothing can be written down: the check is given up when its time is over.
    if (!(error instanceof StorageError) && isUnavailable(error)) throw error;
    return { failure: failureOf(error) };
  }
}

/** @throws StorageError if nothing can be reported; the signal's reason */
async function report(
  parts: CheckParts,
  { check, endpoint }: CheckClaim,
  signal: AbortSignal,
): Promise<EndpointCheckReport> {
  const { kind, path } = check;
  if (kind === 'dry-run') return await foresee(lookup(parts), { check, endpoint }, signal);
  if (path !== undefined) return await explainFile(lookup(parts), { check, endpoint }, path, signal);
  const { settings } = endpoint;
  if (settings.kind === 'local') return { kind: 'probe', ...(await probeDirectory(settings, signal)) };
  if (settings.kind === 's3')
    throw new StorageError('unsupported', `endpoint ${endpoint.name} is a bucket, which cannot be checked`);
  if (check.kind === 'host-key-scan') return await scanHostKeys(parts, { check, endpoint }, settings, signal);
  const options = await sftpOptions(lookup(parts), endpoint, settings);
  return { kind: 'probe', ...(await probeEndpoint(options, signal)) };
}

/** Puts the keys that were not on record there as proposed. Trusts none: what an open line tells proves nothing. */
async function scanHostKeys(
  parts: CheckParts,
  { endpoint }: CheckClaim,
  settings: SftpSettings,
  signal: AbortSignal,
): Promise<EndpointCheckReport> {
  const { database, actor } = parts;
  const { host, port, connectTimeoutMs: timeoutMs, legacyAlgorithms } = settings;
  const route = await routeTo(lookup(parts), endpoint, settings);
  const offered = await probeHostKey({ host, port, route, legacyAlgorithms, timeoutMs }, signal);
  const before = await listHostKeys(database, endpoint.id);
  await proposeHostKeys({ database, actor }, endpoint, offered);
  const after = await listHostKeys(database, endpoint.id);
  return { kind: 'host-key-scan', ...compareScan(offered, before, after) };
}

function lookup({ database, vault, log }: CheckParts): Lookup {
  return {
    db: database,
    vault,
    observer: {
      // A check puts on record what it was asked for alone.
      announcedHostKeys() {},
      refusedHostKey() {},
      refusedSecret() {},
      legacyAlgorithms: ({ name: endpoint }, algorithms) =>
        log.warn({ endpoint, algorithms }, 'agreed on weak algorithms, which the endpoint allows'),
      log: (message) => log.warn(message),
    },
  };
}
