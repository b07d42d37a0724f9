import type { Id } from '@waybill/domain';
import type { Signals } from '@waybill/queue';
import type { Progress } from '@waybill/transfer';

export interface LiveProgress extends AsyncDisposable {
  /** Takes the newest progress; older ones that were not told yet are dropped. */
  report(progress: Progress): void;
}

export interface LiveProgressOptions {
  readonly runId: Id;
  readonly signals: Signals;
  /** Writes the newest progress to the run's record. */
  readonly save: (progress: Progress) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

const PUBLISH_MS = 500;
const SAVE_MS = 2_000;

/** Tells listeners how far a run is, twice a second, and its record every two seconds. Losing one harms nothing. */
export function reportLive({ runId, signals, save, onError }: LiveProgressOptions): LiveProgress {
  const publish = everyMs(
    PUBLISH_MS,
    (progress: Progress) => signals.publish(`runs.${runId}.progress`, progress),
    onError,
  );
  const record = everyMs(SAVE_MS, save, onError);
  return {
    report(progress) {
      publish.take(progress);
      record.take(progress);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([publish.flush(), record.flush()]);
    },
  };
}

/** Hands the newest value on at most once in `ms`, one at a time. */
function everyMs<T>(ms: number, hand: (value: T) => Promise<void>, onError: (error: unknown) => void) {
  let newest: { value: T } | undefined;
  let timer: NodeJS.Timeout | undefined;
  let handing = Promise.resolve();

  const handOn = () => {
    timer = undefined;
    const next = newest;
    newest = undefined;
    if (next) handing = handing.then(() => hand(next.value)).catch(onError);
  };
  return {
    take(value: T) {
      newest = { value };
      timer ??= setTimeout(handOn, ms);
    },
    flush() {
      clearTimeout(timer);
      handOn();
      return handing;
    },
  };
}
