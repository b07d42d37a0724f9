import { setTimeout as sleep } from 'node:timers/promises';
import { findEndpointCheck } from '@waybill/db';
import { type Id, isCheckOver } from '@waybill/domain';
import { onCheckOver } from '@waybill/operations';
import type { ApiDeps } from './deps.js';

/** The record is read this often even if no signal arrives: signals may be lost. */
const POLL_MS = 2_000;

/** Resolves once the check is over, the time is, the caller has gone, or the service stops. */
export async function untilCheckIsOver(
  { database, signals, stopping, log }: Pick<ApiDeps, 'database' | 'signals' | 'stopping' | 'log'>,
  checkId: Id,
  { waitMs, gone }: { readonly waitMs: number; readonly gone: AbortSignal },
): Promise<void> {
  const over = new AbortController();
  const ends = [AbortSignal.timeout(waitMs), gone, over.signal, ...(stopping ? [stopping] : [])];
  const end = AbortSignal.any(ends);
  const unsubscribe =
    signals &&
    (await onCheckOver(signals, checkId, () => over.abort()).catch((err: unknown) => {
      log.warn({ err, checkId }, 'no live signals: the check is polled');
      return undefined;
    }));
  try {
    while (!end.aborted) {
      const check = await findEndpointCheck(database, checkId);
      if (!check || isCheckOver(check.state)) return;
      // An end of the wait is no error.
      await sleep(POLL_MS, undefined, { signal: end }).catch(() => {});
    }
  } finally {
    await unsubscribe?.();
  }
}
