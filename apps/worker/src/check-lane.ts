/** Takes checks and carries them out, apart from the runs: an operator waits for one, and transfers may take hours. */
export interface CheckLane {
  /** Looks for checks now, instead of at the next turn. */
  look(): void;
  /** Takes no more, aborts those under way, and resolves once they have ended. */
  close(reason: Error): Promise<void>;
}

export interface CheckLaneOptions<Check> {
  /** Carried out at the same time. */
  readonly atOnce: number;
  readonly lookEveryMs: number;
  /** Takes the next check; `undefined` if there is none. */
  readonly claim: () => Promise<Check | undefined>;
  readonly execute: (check: Check, signal: AbortSignal) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

/** Looks for checks at once, whenever it is told to, when one has ended, and on its interval in any case. */
export function startCheckLane<Check>(options: CheckLaneOptions<Check>): CheckLane {
  const { atOnce, lookEveryMs, claim, execute, onError } = options;
  const stopped = new AbortController();
  const underWay = new Set<Promise<void>>();
  let looking: Promise<void> | undefined;
  let again = false;

  const begin = (check: Check) => {
    const work = execute(check, stopped.signal)
      .catch(onError)
      .finally(() => {
        underWay.delete(work);
        look();
      });
    underWay.add(work);
  };
  const takeAll = async () => {
    while (!stopped.signal.aborted && underWay.size < atOnce) {
      const check = await claim();
      if (check === undefined) return;
      begin(check);
    }
  };
  const lookUntilQuiet = async () => {
    while (again) {
      again = false;
      await takeAll().catch(onError);
    }
    looking = undefined;
  };
  const look = () => {
    if (stopped.signal.aborted) return;
    again = true;
    looking ??= lookUntilQuiet();
  };

  const timer = setInterval(look, lookEveryMs);
  look();
  return {
    look,
    async close(reason) {
      clearInterval(timer);
      stopped.abort(reason);
      await looking;
      await Promise.all(underWay);
    },
  };
}
