import { describe, expect, it } from 'vitest';
import { catchUp } from './catch-up.js';
import { jitterMs } from './jitter.js';

describe('catching up', () => {
  const now = new Date('2026-01-01T12:00:30Z');
  const due = ['2026-01-01T10:00:00Z', '2026-01-01T11:00:00Z', '2026-01-01T12:00:00Z'].map(
    (t) => new Date(t),
  );
  const missed = due.slice(0, 2);
  const actions = (times: Date[], rule: 'skip' | 'latest' | 'all', withinMinutes?: number) =>
    catchUp(times, { rule, withinMinutes }, now, 60_000).map(({ action }) => action);

  it('always fires the one that is on time', () => {
    expect(actions(due, 'skip', 0)).toEqual(['skip', 'skip', 'fire']);
    expect(actions(due, 'latest')).toEqual(['skip', 'skip', 'fire']);
    expect(actions(due, 'all')).toEqual(['fire', 'fire', 'fire']);
  });

  it('does with missed ones what the rule says', () => {
    expect(actions(missed, 'skip')).toEqual(['skip', 'skip']);
    expect(actions(missed, 'latest')).toEqual(['skip', 'fire']);
    expect(actions(missed, 'all')).toEqual(['fire', 'fire']);
  });

  it('leaves those alone that were missed by more than the limit, and says so', () => {
    expect(actions(missed, 'all', 61)).toEqual(['skip', 'fire']);
    expect(actions(missed, 'latest', 30)).toEqual(['skip', 'skip']);
    expect(catchUp(missed, { rule: 'all', withinMinutes: 61 }, now, 60_000)[0]?.reason).toBe(
      'missed by more than 61 minute(s)',
    );
  });
});

describe('jitter', () => {
  const ids = Array.from(
    { length: 2_000 },
    (_, i) => `01981f5e-7c3a-7b1e-9d55-${String(i).padStart(12, '0')}`,
  );
  const at = new Date('2026-11-25T06:00:00Z');

  it('is the same for everybody who asks, and none unless it is asked for', () => {
    expect(ids.map((id) => jitterMs(id, at, 60))).toEqual(ids.map((id) => jitterMs(id, new Date(at), 60)));
    expect(jitterMs('a', at, 0)).toBe(0);
  });

  it('spreads schedules and due times over the whole of it', () => {
    const days = Array.from({ length: 2_000 }, (_, i) => new Date(at.getTime() + i * 86_400_000));
    for (const delays of [ids.map((id) => jitterMs(id, at, 60)), days.map((day) => jitterMs('a', day, 60))]) {
      const inSixths = [0, 1, 2, 3, 4, 5].map(
        (sixth) => delays.filter((ms) => Math.min(5, Math.floor(ms / 10_000)) === sixth).length,
      );
      for (const count of inSixths) expect(count).toBeGreaterThan(250);
      expect(Math.max(...delays)).toBeLessThanOrEqual(60_000);
    }
  });
});
