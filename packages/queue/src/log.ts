export type Log = (level: 'debug' | 'info' | 'warn' | 'error', message: string, error?: unknown) => void;

const SILENCE_MS = 30_000;

/** Writes the same message at most once in 30 s: a lost server is reported by every connection, every second. */
export function withoutRepetitions(log: Log, now: () => number = Date.now): Log {
  const lastWritten = new Map<string, number>();
  return (level, message, error) => {
    const text = `${level} ${message} ${error instanceof Error ? error.message : ''}`;
    const at = now();
    if (at - (lastWritten.get(text) ?? Number.NEGATIVE_INFINITY) < SILENCE_MS) return;
    for (const [old, writtenAt] of lastWritten) if (at - writtenAt >= SILENCE_MS) lastWritten.delete(old);
    lastWritten.set(text, at);
    log(level, message, error);
  };
}
