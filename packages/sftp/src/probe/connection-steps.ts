import { StorageError, untilAborted } from '@waybill/storage';
import { openSession } from '../connect.js';
import { isAnswer } from '../errors.js';
import { DEFAULT_MAX_CHANNELS } from '../options.js';
import type { Session } from '../session.js';
import type { Probing, Step } from './probing.js';
import { failed, passed, type Verdict } from './steps.js';

/** How much may be open at once. Last, since a server that minds may end everything. */
export const connectionSteps: readonly Step[] = [
  { name: 'open a second connection', work: connectTwice },
  { name: 'open channels', work: openChannels },
];

async function connectTwice({ facts, options, session, signal }: Probing): Promise<Verdict> {
  let refusal: StorageError | undefined;
  try {
    await using second = await openSession(options, signal);
    // Some servers let a client in, and end the connection after that.
    await ask(second, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof StorageError)) throw error;
    refusal = error;
  }
  // Others end the first one instead.
  const first = await whyOver(session, signal);
  if (first) {
    facts.connections = 1;
    return failed(`the server ended the first connection when a second one came: ${first.message}`);
  }
  if (refusal === undefined) {
    facts.connections = 2;
    return passed('a second connection is accepted');
  }
  // Anything else, such as another host key, says nothing of how many there may be.
  if (REFUSED_CONNECTION.has(refusal.code)) facts.connections = 1;
  return failed(`a second connection at the same time fails: ${refusal.message}`);
}

const REFUSED_CONNECTION: ReadonlySet<string> = new Set([
  'connection-lost',
  'connection-refused',
  'authentication-failed',
]);

async function openChannels({ facts, options, session, signal }: Probing): Promise<Verdict> {
  const { maxChannels = DEFAULT_MAX_CHANNELS, operationTimeoutMs } = options;
  let open = 1;
  let refusal: Error | undefined;
  // One after the other, as the refusal of one says how many there may be.
  while (open < maxChannels && refusal === undefined) {
    refusal = await whyNoChannel(session, operationTimeoutMs, signal);
    if (refusal === undefined) open++;
  }
  facts.channels = open;
  facts.refusesMoreChannels = refusal !== undefined;
  if (refusal === undefined) return passed(`${open} at once, as many as the endpoint may open`);
  const over = await whyOver(session, signal);
  if (over)
    return failed(`the server ended the connection when channel ${open + 1} was asked for: ${over.message}`);
  return passed(`${open} at once; the server refused one more (${refusal.message.trim()})`);
}

/** A channel stays open until the connection ends. @returns undefined once it stands and serves */
async function whyNoChannel(
  session: Session,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Error | undefined> {
  try {
    const inTime = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    await ask(await untilAborted(session.openLane(), inTime), signal);
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    return error as Error;
  }
}

/** @returns undefined while the session serves */
async function whyOver(session: Session, signal: AbortSignal): Promise<StorageError | undefined> {
  try {
    await ask(session, signal);
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    return error as StorageError;
  }
}

/** Anything that is answered, if only by a refusal, shows that a session lives. */
async function ask(session: Session, signal: AbortSignal): Promise<void> {
  try {
    await session.realpath({ doing: 'resolve', path: '.', signal });
  } catch (error) {
    if (!isAnswer(error)) throw error;
  }
}
