import type { Id } from '@waybill/domain';

/** What a queue carries, and all it carries: the run's record is in PostgreSQL. */
export interface RunJob {
  readonly runId: Id;
  readonly epoch: number;
}

export interface EnqueueOptions {
  /** The worker pool: each pool is a queue of its own. */
  readonly pool: string;
  /** Not before this instant. */
  readonly notBefore?: Date;
}

export interface DelayedJob {
  readonly job: RunJob;
  /** Not before this instant. */
  readonly notBefore?: Date | undefined;
}

/** The producing side. */
export interface RunQueue {
  /**
   * Wakes a worker of the pool. The same run and epoch twice is one job, also while it is executed.
   * Rejects within seconds if the queue's server is gone; the job may be there all the same, so just ask again.
   */
  enqueue(job: RunJob, options: EnqueueOptions): Promise<void>;
  /** Does so for several at once: much faster than one by one. When it rejects, any of them may be there. */
  enqueueAll(jobs: readonly DelayedJob[], pool: string): Promise<void>;
  /** Does the queue still know the job (waiting, delayed or being executed)? */
  knows(job: RunJob, pool: string): Promise<boolean>;
  close(): Promise<void>;
}

/** What becomes of the job after the handler returned: a value, not a throw. */
export type JobOutcome =
  /** The record says it all; the job is removed. */
  | { readonly kind: 'done' }
  /** Deliver the same job again at that instant: somebody else still holds the lease. */
  | { readonly kind: 'postpone-until'; readonly until: Date }
  /** This worker stops: another one shall take the job at once. */
  | { readonly kind: 'hand-back' };

/**
 * The consuming side. A handler that throws is tried again a few times: that is for faults of the infrastructure.
 * One that throws after its signal was aborted has handed the job back. The signal fires for `ShuttingDown` alone: that
 * another worker has the run is for the lease in the database to say.
 */
export type RunHandler = (job: RunJob, signal: AbortSignal) => Promise<JobOutcome>;

export interface RunConsumer {
  /** Jobs being executed right now. */
  readonly active: number;
  /**
   * Stops taking jobs, waits up to `graceMs` for the active ones, then aborts their signals with a `ShuttingDown`
   * reason and waits for the handlers to return. Bounded also when the queue's server is gone.
   */
  close(graceMs: number): Promise<void>;
}

/** Why a handler's signal was aborted: the process stops; hand the run back. */
export class ShuttingDown extends Error {
  override readonly name = 'ShuttingDown';
}

/**
 * Messages between processes that may be lost: live progress, wake-ups. Nothing that matters depends on one arriving;
 * what matters stands in PostgreSQL as well.
 */
export interface Signals {
  /** Never rejects: a signal that could not be sent, or is larger than about 8 kB as JSON on PostgreSQL, is lost and logged. */
  publish(topic: string, message: unknown): Promise<void>;
  /** `topic` may end in `>` for everything below, such as `runs.>`. Returns the way to unsubscribe. */
  subscribe(topic: string, listener: (topic: string, message: unknown) => void): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

export interface QueueConnections {
  /** PostgreSQL: used for the queue where there is no `redisUrl`. */
  readonly databaseUrl: string;
  /** Redis: used for the queue where it is given. */
  readonly redisUrl?: string | undefined;
}

/** Everything of one process that talks to the queue. */
export interface QueueSystem {
  readonly backend: 'postgresql' | 'redis';
  readonly queue: RunQueue;
  readonly signals: Signals;
  consume(
    options: { pool: string; concurrency: number; name: string },
    handler: RunHandler,
  ): Promise<RunConsumer>;
  close(): Promise<void>;
}
