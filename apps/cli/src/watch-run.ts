import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, Progress, Run } from '@waybill/contract';

/** Told about a run while it moves. */
export interface RunObserver {
  /** The run as it is on record; more often than its state changes. */
  run(run: Run): void;
  progress(progress: Progress): void;
}

const RECONNECT_MS = 1_000;

/**
 * Follows a run until it has ended, or is held for a person to decide. Survives streams that break off.
 * @throws ApiProblem, ApiUnreachable; the signal's reason
 */
export async function watchRun(
  client: Client,
  runId: string,
  observer: RunObserver,
  signal: AbortSignal,
): Promise<Run> {
  for (;;) {
    for await (const message of client.watchRun(runId, { signal })) {
      if (message.event === 'progress') observer.progress(message.data);
      else {
        observer.run(message.data);
        if (isOver(message.data)) return message.data;
      }
    }
    const run = await client.call('getRun', { params: { id: runId }, signal });
    if (isOver(run)) {
      observer.run(run);
      return run;
    }
    await sleep(RECONNECT_MS, undefined, { signal });
  }
}

function isOver({ state }: Run): boolean {
  return state !== 'queued' && state !== 'running';
}
