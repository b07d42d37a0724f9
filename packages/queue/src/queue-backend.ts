import type { Processor, QueueOptions, WorkerOptions } from 'bullmq';
import type { RunJob } from './run-queue.js';

/** What we use of a BullMQ queue. */
export interface JobQueue {
  addBulk(jobs: { name: string; data: RunJob; opts: { jobId: string; delay: number } }[]): Promise<unknown>;
  getJobState(jobId: string): Promise<string>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  close(): Promise<void>;
}

/** What we use of a BullMQ worker. */
export interface JobWorker {
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'failed', listener: (job: FailedJob | undefined, error: Error) => void): unknown;
  on(event: 'stalled', listener: (jobId: string) => void): unknown;
  on(event: 'lockRenewalFailed', listener: (jobIds: string[]) => void): unknown;
  waitUntilReady(): Promise<unknown>;
  close(): Promise<void>;
  disconnect(): Promise<void>;
}

export interface FailedJob {
  readonly data: RunJob;
  readonly attemptsMade: number;
  /** Set once the queue has given the job up. */
  readonly finishedOn?: number;
}

/** Carries texts between all processes on the same server. May lose some. */
export interface SignalWire {
  send(text: string): Promise<void>;
  /** Resolves once texts arrive, or rejects if the server does not answer in time; goes on trying either way. */
  listen(receive: (text: string) => void): Promise<void>;
  close(): Promise<void>;
}

/** The difference between BullMQ on PostgreSQL and on Redis. */
export interface QueueBackend {
  readonly name: 'postgresql' | 'redis';
  openQueue(name: string, options: Omit<QueueOptions, 'connection'>): JobQueue;
  /** @throws if this process has no connection to spare for one more worker */
  openWorker(
    name: string,
    processor: Processor<RunJob, void>,
    options: Omit<WorkerOptions, 'connection'>,
  ): JobWorker;
  readonly wire: SignalWire;
  /** After its queues, workers and wire. */
  close(): Promise<void>;
}
