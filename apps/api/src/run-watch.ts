import { type Progress, progress, type Run, type RunEvent } from '@waybill/contract';
import { findRun } from '@waybill/db';
import { type Id, isFinal } from '@waybill/domain';
import type { ApiDeps } from './deps.js';
import { presentRun } from './presenters.js';

/** The record is read this often even if no signal arrives: signals may be lost. */
const POLL_MS = 2_000;

export type RunListener = (event: RunEvent) => void;

export interface RunWatch {
  /** Tells `listener` how the run is (`snapshot`), then whatever changes. Returns the way to stop. */
  watch(runId: Id, listener: RunListener): () => void;
}

/**
 * Watches runs for any number of listeners: however many there are, a run is read once a change, and all runs are
 * polled by one timer. Nothing goes on while nobody listens.
 */
export function createRunWatch(deps: Pick<ApiDeps, 'database' | 'signals' | 'log'>): RunWatch {
  const watched = new Map<Id, WatchedRun>();
  let poll: NodeJS.Timeout | undefined;

  const leave = (run: WatchedRun, listener: RunListener) => {
    run.listeners.delete(listener);
    if (run.listeners.size > 0 || watched.get(run.id) !== run) return;
    watched.delete(run.id);
    run.stop();
    if (watched.size > 0) return;
    clearInterval(poll);
    poll = undefined;
  };

  return {
    watch(runId, listener) {
      const run = watched.get(runId) ?? new WatchedRun(runId, deps);
      watched.set(runId, run);
      poll ??= setInterval(() => {
        for (const each of watched.values()) void each.refresh();
      }, POLL_MS);
      run.listeners.set(listener, undefined);
      void run.refresh();
      return () => leave(run, listener);
    },
  };
}

class WatchedRun {
  /** With the record that each was told last, as JSON. */
  readonly listeners = new Map<RunListener, string | undefined>();
  readonly #deps: Pick<ApiDeps, 'database' | 'signals' | 'log'>;
  readonly #subscription: Promise<(() => Promise<void>) | undefined>;
  #reading = false;
  #again = false;
  /** The state that was told last. */
  #state: Run['state'] | undefined;
  /** Progress of a run that listeners do not know to be running yet: it is told once they do. */
  #early: Progress | undefined;

  constructor(
    readonly id: Id,
    deps: Pick<ApiDeps, 'database' | 'signals' | 'log'>,
  ) {
    this.#deps = deps;
    this.#subscription = this.#subscribe();
  }

  async #subscribe(): Promise<(() => Promise<void>) | undefined> {
    const { signals, log } = this.#deps;
    try {
      return await signals?.subscribe(`runs.${this.id}.>`, (topic, message) => this.#hear(topic, message));
    } catch (err) {
      log.warn({ err, runId: this.id }, 'no live signals: the run is polled');
      return undefined;
    }
  }

  stop(): void {
    this.#subscription
      .then((unsubscribe) => unsubscribe?.())
      .catch((err: unknown) => this.#deps.log.warn({ err, runId: this.id }, 'could not unsubscribe'));
  }

  #hear(topic: string, message: unknown): void {
    if (topic.endsWith('.changed')) return void this.refresh();
    if (!topic.endsWith('.progress')) return;
    const parsed = progress.safeParse(message);
    if (!parsed.success) return void this.#deps.log.warn({ topic, err: parsed.error }, 'unreadable progress');
    if (this.#state === 'running') return void this.#tellProgress(parsed.data);
    this.#early = parsed.data;
    void this.refresh();
  }

  #tellProgress(data: Progress): void {
    for (const [listener, told] of this.listeners)
      if (told !== undefined) listener({ event: 'progress', data });
  }

  /** Reads the record and tells who does not know it yet. One reading at a time; a call in between causes another. */
  async refresh(): Promise<void> {
    this.#again = true;
    if (this.#reading) return;
    this.#reading = true;
    try {
      while (this.#again) {
        this.#again = false;
        const run = await findRun(this.#deps.database, this.id);
        if (run) this.#tell(presentRun(run));
      }
    } catch (err) {
      this.#deps.log.warn({ err, runId: this.id }, 'could not read a watched run; it is tried again');
    } finally {
      this.#reading = false;
    }
  }

  #tell(run: Run): void {
    const now = JSON.stringify(run);
    for (const [listener, told] of this.listeners) {
      if (told === now) continue;
      this.listeners.set(listener, now);
      listener({ event: told === undefined ? 'snapshot' : 'state', data: run });
    }
    this.#state = run.state;
    const early = this.#early;
    this.#early = undefined;
    if (early && run.state === 'running') this.#tellProgress(early);
  }
}

/** No event comes after this one. */
export function endsStream({ event, data }: RunEvent): boolean {
  return event !== 'progress' && isFinal(data.state);
}
