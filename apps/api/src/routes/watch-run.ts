import type { RunEvent } from '@waybill/contract';
import type { Response } from 'express';
import type { ApiDeps } from '../deps.js';
import { find } from '../find.js';
import type { Handlers } from '../handler.js';
import { endsStream, type RunWatch } from '../run-watch.js';

const PING_MS = 15_000;
/** A listener that leaves this much unread is cut off; it can connect again and gets a snapshot. */
const MAX_UNREAD_BYTES = 1024 * 1024;

export function watchRoutes(deps: ApiDeps, runWatch: RunWatch): Pick<Handlers, 'watchRun'> {
  return {
    async watchRun({ params }, { res }) {
      const run = await find.run(deps.database, params.id);
      res.status(200).set({
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-cache, no-transform',
        'x-accel-buffering': 'no',
      });
      res.flushHeaders();
      await streamEvents(res, deps.stopping, (listener) => runWatch.watch(run.id, listener));
      return undefined;
    },
  };
}

/** Resolves once the run has ended, the listener has gone, or the service stops. */
async function streamEvents(
  res: Response,
  stopping: AbortSignal | undefined,
  watch: (listener: (event: RunEvent) => void) => () => void,
): Promise<void> {
  if (res.closed) return;
  const closed = new Promise<void>((resolve) => res.once('close', resolve));
  const end = () => void res.end();
  const stop = watch((event) => {
    writeEvent(res, event);
    if (endsStream(event)) res.end();
  });
  const ping = setInterval(() => !res.writableEnded && res.write(': ping\n\n'), PING_MS);
  stopping?.addEventListener('abort', end);
  try {
    if (stopping?.aborted) end();
    await closed;
  } finally {
    stop();
    clearInterval(ping);
    stopping?.removeEventListener('abort', end);
  }
}

function writeEvent(res: Response, { event, data }: RunEvent): void {
  if (res.writableEnded) return;
  if (res.writableLength > MAX_UNREAD_BYTES) return void res.destroy();
  // Who reads slowly gets less progress, but every state.
  if (event === 'progress' && res.writableNeedDrain) return;
  res.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}
