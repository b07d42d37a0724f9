import type { CatchUpRule } from './schedule.js';

export interface CatchUpOptions {
  readonly rule: CatchUpRule;
  /** What is older is skipped, whatever the rule. Left out: no limit. */
  readonly withinMinutes?: number | undefined;
}

export interface CatchUp {
  readonly due: Date;
  readonly action: 'fire' | 'skip';
  /** Why it is skipped; empty if it fires. */
  readonly reason: string;
}

/**
 * What to do with each due time that has passed, oldest first. One that is at most `graceMs` old is on time and always
 * fires. Of the older ones, `all` fires each, `latest` the newest only (and only if none is on time), `skip` none.
 */
export function catchUp(
  due: readonly Date[],
  { rule, withinMinutes = Number.POSITIVE_INFINITY }: CatchUpOptions,
  now: Date,
  graceMs: number,
): CatchUp[] {
  const newest = due.at(-1);
  return due.map((at) => {
    const lateMs = now.getTime() - at.getTime();
    if (lateMs <= graceMs) return { due: at, action: 'fire', reason: '' };
    if (lateMs > withinMinutes * 60_000)
      return { due: at, action: 'skip', reason: `missed by more than ${withinMinutes} minute(s)` };
    if (rule === 'all' || (rule === 'latest' && at === newest))
      return { due: at, action: 'fire', reason: '' };
    return { due: at, action: 'skip', reason: `missed; the catch-up rule is "${rule}"` };
  });
}
