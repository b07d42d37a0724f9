import { setTimeout as sleep } from 'node:timers/promises';
import { Superseded } from '@waybill/transfer';

/** Somebody asked for the run to be cancelled. */
export class CancelRequested extends Error {
  override readonly name = 'CancelRequested';
}

/** An endpoint of the run takes none now: it is handed back, and waits until it does. */
export class MaintenanceBegan extends Error {
  override readonly name = 'MaintenanceBegan';
}

export interface Heartbeat extends AsyncDisposable {
  /**
   * Aborted with `Superseded` when the lease is lost, with `CancelRequested` when the run was cancelled, with
   * `MaintenanceBegan` when it may not go on now.
   */
  readonly signal: AbortSignal;
  /** Renews at once, instead of at the next beat: something about the run has changed. */
  poke(): void;
}

export interface Renewal {
  readonly kept: boolean;
  readonly cancelRequested: boolean;
  readonly maintenance?: MaintenanceBegan | undefined;
}

export interface HeartbeatOptions {
  readonly leaseMs: number;
  /** Renews the lease in the database's time. */
  readonly renew: () => Promise<Renewal>;
  readonly onError: (error: unknown) => void;
}

/**
 * Renews the lease three times in its length. If the database can't be reached, the attempt goes on until the lease
 * must have run out by this process's own monotonic clock, and is then aborted: another worker may have the run.
 */
export function startHeartbeat({ leaseMs, renew, onError }: HeartbeatOptions): Heartbeat {
  const attempt = new AbortController();
  const stopped = new AbortController();
  let wake = new AbortController();
  let poked = false;
  const beating = beat();

  async function beat(): Promise<void> {
    let renewedAt = performance.now();
    while (!stopped.signal.aborted) {
      await pause(leaseMs / 3);
      if (stopped.signal.aborted) return;
      const askedAt = performance.now();
      try {
        const { kept, cancelRequested, maintenance } = await renew();
        renewedAt = askedAt;
        if (!kept) attempt.abort(new Superseded('another attempt has taken over the run'));
        if (cancelRequested) attempt.abort(new CancelRequested('the run was cancelled'));
        if (maintenance) attempt.abort(maintenance);
      } catch (error) {
        onError(error);
        if (performance.now() - renewedAt > leaseMs * 0.9)
          attempt.abort(new Superseded('the lease could not be renewed in time', { cause: error }));
      }
    }
  }

  /** Ends early when poked or stopped. */
  async function pause(ms: number): Promise<void> {
    wake = new AbortController();
    if (poked) wake.abort();
    const signal = AbortSignal.any([wake.signal, stopped.signal]);
    await sleep(ms, undefined, { signal }).catch(() => {});
    poked = false;
  }

  return {
    signal: attempt.signal,
    poke: () => {
      poked = true;
      wake.abort();
    },
    [Symbol.asyncDispose]: async () => {
      stopped.abort();
      await beating;
    },
  };
}
