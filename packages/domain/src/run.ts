export const runStates = [
  'queued',
  'running',
  'succeeded',
  'partial',
  'failed',
  'cancelled',
  'held',
] as const;
export type RunState = (typeof runStates)[number];

/** The states that a run may leave by itself or by a person's word, and where to. */
export const runMoves: Readonly<Record<RunState, readonly RunState[]>> = {
  queued: ['running', 'cancelled'],
  running: ['queued', 'succeeded', 'partial', 'failed', 'cancelled', 'held'],
  held: ['queued', 'cancelled'],
  succeeded: [],
  partial: ['queued'],
  failed: ['queued'],
  cancelled: ['queued'],
};

export const finalRunStates = ['succeeded', 'partial', 'failed', 'cancelled'] as const satisfies RunState[];

export function isFinal(state: RunState): boolean {
  return (finalRunStates as readonly RunState[]).includes(state);
}

/** The states that may move to `to`: the `where` of the update that does it. */
export function mayBecome(to: RunState): RunState[] {
  return runStates.filter((from) => runMoves[from].includes(to));
}

export const attemptStates = ['running', 'succeeded', 'failed', 'cancelled', 'lost', 'handed-back'] as const;
export type AttemptState = (typeof attemptStates)[number];

export const deliveryStates = ['selected', 'moving', 'delivered', 'skipped', 'failed', 'unknown'] as const;
export type DeliveryState = (typeof deliveryStates)[number];

/** How arrival was proven, weakest first. */
export const assurances = ['none', 'size', 'read-back', 'remote-hash', 'acknowledged'] as const;
export type Assurance = (typeof assurances)[number];

export function atLeast(assurance: Assurance, minimum: Assurance): boolean {
  return assurances.indexOf(assurance) >= assurances.indexOf(minimum);
}

/** The one of the two that proves more. */
export function stronger<A extends Assurance>(one: A, other: A): A {
  return atLeast(one, other) ? one : other;
}

export const runTriggers = ['schedule', 'request'] as const;
/** What made a run: an occurrence of a schedule, or somebody's request. */
export type RunTrigger = (typeof runTriggers)[number];
