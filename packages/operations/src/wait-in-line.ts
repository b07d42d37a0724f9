import {
  CONNECTIONS_OF_CHECK,
  callWaiting,
  insertRunChanged,
  isOlderCalled,
  putInLine,
  type Run,
  type RunPlace,
  type Transaction,
} from '@waybill/db';
import { type Id, roomAt, type Wait, whyWaitFor } from '@waybill/domain';

/**
 * A run that waits for what nobody can foresee is called when it is over. These looks replace a call that was lost: the
 * first of a line looks after so long, and the others the later the more are before them, so that long lines cost little.
 */
const lookMs = 60_000;
/** The longest, and where a trial or a person ends it. */
const slowLookMs = 600_000;

/** So many are called at once; each that finds room calls the next ones. */
const calledAtOnce = 10;

/** A run that may go nowhere yet. */
export interface InLine extends Wait {
  /** In whose line it stands; undefined if it waits for another run of its transfer. */
  readonly place: RunPlace | undefined;
}

/** Where the run has to wait first, of the places that it needs; undefined if it may start. */
export function firstWait(places: readonly RunPlace[], now: Date): InLine | undefined {
  for (const place of places) {
    const wait = whyWaitFor(place, now);
    if (wait) return { ...wait, place };
  }
  return undefined;
}

/** Returns when the run looks again by itself. */
export async function waitInLine(tx: Transaction, run: Run, wait: InLine, now: Date): Promise<Date> {
  const { place, reason } = wait;
  const until = wait.until ?? new Date(now.getTime() + nextLookMs(wait));
  await putInLine(tx, run.id, wait, { endpointId: place?.endpointId, until });
  if (run.waiting?.reason !== reason) await insertRunChanged(tx, { runId: run.id, state: 'queued' });
  if (place) await letOlderGo(tx, run, place, now);
  await passTurn(tx, run, place?.endpointId);
  return until;
}

function nextLookMs({ reason, place }: InLine): number {
  return reason === 'suspended' ? slowLookMs : Math.min(slowLookMs, lookMs * (1 + (place?.before ?? 0)));
}

/** There may be room that is kept for those who came before, and nobody has told them. */
async function letOlderGo(tx: Transaction, run: Run, place: RunPlace, now: Date): Promise<void> {
  if (place.before > 0 && !(await isOlderCalled(tx, place, run))) await callInto(tx, [place], now);
}

/** A run that has started leaves what room there is to those who wait. */
export async function callIntoRoomLeft(
  tx: Transaction,
  places: readonly RunPlace[],
  now: Date,
): Promise<void> {
  const others = places.map((place) => ({
    ...place,
    runs: place.runs + 1,
    trials: place.trials + 1,
    connections: place.connections + place.needs,
    runsOfPool: place.runsOfPool + 1,
  }));
  await callInto(tx, others, now);
}

/** Whoever no longer stands in a line was perhaps called there: the next one's turn. */
async function passTurn(tx: Transaction, { waiting }: Run, nowInLineOf: Id | undefined): Promise<void> {
  if (waiting?.endpoint && waiting.endpoint.id !== nowInLineOf)
    await callWaiting(tx, { endpointId: waiting.endpoint.id }, 1);
}

/** A run has ended or waits no more: one may take its place at each endpoint, and another of its transfer may start. */
export async function callNext(
  tx: Transaction,
  { transferId }: Run,
  endpointIds: readonly Id[],
): Promise<void> {
  await callWaiting(tx, { transferId }, 1);
  for (const endpointId of endpointIds) await callWaiting(tx, { endpointId }, 1);
}

/** A check has given its connections back, at its endpoint and at the jump hosts on the way. */
export async function callAfterCheck(tx: Transaction, endpointIds: readonly Id[]): Promise<void> {
  for (const endpointId of endpointIds) await callWaiting(tx, { endpointId }, CONNECTIONS_OF_CHECK);
}

/** What kept runs from an endpoint is gone. */
export async function callLine(tx: Transaction, endpointId: Id): Promise<void> {
  await callWaiting(tx, { endpointId }, calledAtOnce);
}

async function callInto(tx: Transaction, places: readonly RunPlace[], now: Date): Promise<void> {
  for (const place of places) {
    const room = roomAt(place, now, calledAtOnce);
    if (room > 0) await callWaiting(tx, place, room);
  }
}
