import { hostname } from 'node:os';
import type { Database } from '@waybill/db';
import { type Actor, newId } from '@waybill/domain';
import {
  claimCheck,
  heartbeatWorker,
  onCheckRequested,
  registerWorker,
  stopWorker,
} from '@waybill/operations';
import { type QueueSystem, type RunConsumer, ShuttingDown, type Signals } from '@waybill/queue';
import type { Vault } from '@waybill/secrets';
import type { Logger } from '@waybill/telemetry';
import { type CheckLane, startCheckLane } from './check-lane.js';
import { executeAttempt } from './execute-attempt.js';
import { type CheckParts, executeCheck } from './execute-check.js';

/** What an attempt needs of the process it runs in. */
export interface WorkerParts {
  readonly database: Database;
  readonly vault: Vault;
  readonly signals: Signals;
  readonly log: Logger;
}

export interface WorkerOptions {
  /** As people know the worker. */
  readonly name: string;
  /** The pools whose runs it executes. */
  readonly pools: readonly string[];
  /** Runs executed at once, in each pool. */
  readonly concurrency: number;
  /** A run whose worker has not renewed its lease for so long is given to another one. */
  readonly leaseMs: number;
  /** How long running transfers may go on after a stop was asked for, before they are handed back. */
  readonly graceMs: number;
  /** How long a part file of a run that is over has to be seen before it is removed; 0: for ever. */
  readonly sweepAfterMs: number;
}

export interface RunningWorker {
  readonly id: string;
  /** Takes no further runs; those in flight end within the grace time or are handed back. */
  close(): Promise<void>;
}

const SIGN_OF_LIFE_MS = 10_000;

/** Checks of endpoints carried out at once: they are short, and open one or two connections each. */
const CHECKS_AT_ONCE = 2;
/** A check is looked for this often even if no signal arrives: signals may be lost. */
const LOOK_FOR_CHECKS_MS = 5_000;

/** Starts to take runs from the queues of the pools. */
export async function startWorker(
  parts: WorkerParts & { readonly queue: QueueSystem },
  { name, pools, concurrency, leaseMs, graceMs, sweepAfterMs }: WorkerOptions,
): Promise<RunningWorker> {
  const { database, queue, log } = parts;
  const id = newId();
  const actor: Actor = { kind: 'worker', id, name };
  await registerWorker(database, {
    id,
    name,
    pools: [...pools],
    host: hostname(),
    pid: process.pid,
    concurrency,
  });

  const consumers: RunConsumer[] = [];
  for (const pool of pools)
    consumers.push(
      await queue.consume({ pool, concurrency, name: id }, (job, signal) =>
        executeAttempt({ ...parts, workerId: id, actor, leaseMs, sweepAfterMs }, job, signal),
      ),
    );
  const checks = await takeChecks({ ...parts, workerId: id, actor }, pools);
  const signOfLife = setInterval(() => {
    heartbeatWorker(database, id).catch((error) =>
      log.warn({ err: error }, 'the sign of life was not written'),
    );
  }, SIGN_OF_LIFE_MS);
  log.info({ worker: id, name, pools, concurrency }, 'worker started');

  return {
    id,
    async close() {
      clearInterval(signOfLife);
      await Promise.all([
        ...consumers.map((consumer) => consumer.close(graceMs)),
        checks.close(new ShuttingDown(`worker ${name} stops`)),
      ]);
      await stopWorker(database, id);
      log.info({ worker: id }, 'worker stopped');
    },
  };
}

/** Begins to carry out checks of endpoints of the pools, and hears at once of new ones where signals arrive. */
async function takeChecks(parts: CheckParts, pools: readonly string[]): Promise<CheckLane> {
  const { database, actor, workerId, signals, log } = parts;
  const lane = startCheckLane({
    atOnce: CHECKS_AT_ONCE,
    lookEveryMs: LOOK_FOR_CHECKS_MS,
    claim: () => claimCheck({ database, actor }, { workerId, pools }),
    execute: (claim, signal) => executeCheck(parts, claim, signal),
    onError: (error) => log.warn({ err: error }, 'a check of an endpoint could not be taken or ended'),
  });
  for (const pool of pools)
    await onCheckRequested(signals, pool, () => lane.look()).catch((error: unknown) =>
      log.warn({ err: error, pool }, `no signals: checks are looked for every ${LOOK_FOR_CHECKS_MS} ms`),
    );
  return lane;
}
