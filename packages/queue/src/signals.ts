import type { Log } from './log.js';
import type { SignalWire } from './queue-backend.js';
import type { Signals } from './run-queue.js';

type Listener = (topic: string, message: unknown) => void;

/** Topics and listeners over a wire that carries all signals to all processes; each picks its own. */
export function openSignals(wire: SignalWire, log: Log): Signals {
  const subscriptions = new Set<{ topic: string; listener: Listener }>();
  let listening: Promise<void> | undefined;

  function receive(text: string): void {
    const signal = readSignal(text);
    if (!signal) {
      log('warn', `signals: ignored what is none: ${text.slice(0, 100)}`);
      return;
    }
    for (const { topic, listener } of [...subscriptions]) {
      if (!matches(topic, signal.topic)) continue;
      try {
        listener(signal.topic, signal.message);
      } catch (error) {
        log('error', `signals: a listener of ${topic} failed on ${signal.topic}`, error);
      }
    }
  }

  return {
    async publish(topic, message) {
      // Signals may be lost by contract, and no caller could do more about it than this line.
      await wire
        .send(JSON.stringify({ topic, message }))
        .catch((error) => log('warn', `signals: lost one for ${topic}`, error));
    },
    async subscribe(topic, listener) {
      const subscription = { topic, listener };
      subscriptions.add(subscription);
      listening ??= wire.listen(receive).catch((error) => log('warn', 'signals: none arrive yet', error));
      await listening;
      return async () => {
        subscriptions.delete(subscription);
      };
    },
    async close() {
      subscriptions.clear();
      await wire.close();
    },
  };
}

/** `runs.>` is everything below `runs`, at any depth; other topics match themselves. */
export function matches(pattern: string, topic: string): boolean {
  return pattern.endsWith('>')
    ? topic.length >= pattern.length && topic.startsWith(pattern.slice(0, -1))
    : pattern === topic;
}

function readSignal(text: string): { topic: string; message: unknown } | undefined {
  try {
    const signal: unknown = JSON.parse(text);
    if (typeof signal !== 'object' || signal === null) return undefined;
    const { topic, message } = signal as { topic?: unknown; message?: unknown };
    return typeof topic === 'string' ? { topic, message } : undefined;
  } catch {
    return undefined; // the caller reports it
  }
}
