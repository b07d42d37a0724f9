/** What may be tuned, mostly by tests. Durations in milliseconds. */
export interface QueueSettings {
  /** How long a worker owns a job without renewing; a killed worker's job comes back after about this plus `stalledIntervalMs`. */
  readonly lockDurationMs: number;
  readonly stalledIntervalMs: number;
  /** So many times a job may lose its worker; then the queue drops it and the reconciler takes over. */
  readonly maxStalledCount: number;
  /** So many times a handler may throw for one job; then the queue drops it. */
  readonly attempts: number;
  readonly attemptDelayMs: number;
  /** A worker that lost its server looks for jobs again after this. */
  readonly reconnectDelayMs: number;
  /** Producing fails after this, instead of waiting for a server that is gone. */
  readonly commandTimeoutMs: number;
  /** Opening waits so long for the server to come up. */
  readonly openTimeoutMs: number;
  /** Closing waits so long for handlers to return after they were aborted, and for the server to answer. */
  readonly closeTimeoutMs: number;
  /** PostgreSQL: connections of this process to the queue; four more than it has consumers, at least. */
  readonly poolSize: number;
  /** PostgreSQL: locks and delays are in this host's time, so hosts must agree with the server up to this. */
  readonly maxClockOffsetMs: number;
  /** Redis: what all keys and channels start with. */
  readonly prefix: string;
}

export const DEFAULT_QUEUE_SETTINGS: QueueSettings = {
  lockDurationMs: 60_000,
  stalledIntervalMs: 15_000,
  maxStalledCount: 5,
  attempts: 5,
  attemptDelayMs: 1_500,
  reconnectDelayMs: 2_000,
  commandTimeoutMs: 3_000,
  openTimeoutMs: 30_000,
  closeTimeoutMs: 10_000,
  poolSize: 12,
  maxClockOffsetMs: 10_000,
  prefix: 'waybill',
};
