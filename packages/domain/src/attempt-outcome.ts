import type { Failure } from './failure.js';

/**
 * How an attempt ended: a value, not a throw. Only `retry-at` and `give-up` use up an attempt; a worker that is shut
 * down hands the run back (`postpone-until` now), which is none of the partner's failures.
 */
export type AttemptOutcome =
  /** The engine went through. `partial` if some deliveries failed for good, or lack what is to follow: `failure` is the first. */
  | { readonly kind: 'done'; readonly state: 'succeeded' | 'partial'; readonly failure?: Failure | undefined }
  | { readonly kind: 'retry-at'; readonly at: Date; readonly failure: Failure }
  | { readonly kind: 'postpone-until'; readonly until: Date; readonly reason: string }
  | { readonly kind: 'hold'; readonly failure: Failure }
  | { readonly kind: 'give-up'; readonly failure: Failure }
  /** Somebody asked for it. */
  | { readonly kind: 'cancelled'; readonly reason: string };
