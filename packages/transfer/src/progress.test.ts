import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type Progress, ProgressMeter } from './progress.js';
import type { DeliveryRecord } from './run-journal.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function record(id: string, state: DeliveryRecord['state'], size: number): DeliveryRecord {
  return {
    ...{ id, sourcePath: `in/${id}`, targetPath: `out/${id}`, size, state, disposed: false },
    ...{ sourceModifiedAt: undefined, partPath: undefined, claimed: false, checkpoint: undefined },
    ...{ committing: undefined, sha256: undefined },
  };
}

it('reports at most four times a second however fast the bytes come', () => {
  const seen: Progress[] = [];
  const meter = new ProgressMeter([record('a', 'selected', 1_000)], (progress) => seen.push(progress));
  for (let ms = 0; ms < 1_000; ms++) {
    meter.moved('a', ms, 1_000);
    vi.advanceTimersByTime(1);
  }
  expect(seen.length).toBeGreaterThanOrEqual(3);
  expect(seen.length).toBeLessThanOrEqual(5);
  expect(seen.at(-1)?.moving).toEqual([{ sourcePath: 'in/a', size: 1_000, bytes: expect.any(Number) }]);
});

it('counts what earlier attempts delivered, and forgets what a file has to move again', () => {
  const meter = new ProgressMeter([record('a', 'delivered', 5), record('b', 'moving', 7)], () => {});
  meter.moved('b', 6, 7);
  expect(meter.current().bytesMoved).toBe(11);
  meter.moved('b', 0, 9);
  expect(meter.current()).toMatchObject({ bytesMoved: 5, bytesSelected: 14 });
  meter.settled('b', 'delivered');
  expect(meter.current()).toMatchObject({ files: { delivered: 2 }, bytesMoved: 14, moving: [] });
});

it('reports the end at once and nothing after it', () => {
  const report = vi.fn();
  const meter = new ProgressMeter([record('a', 'selected', 1)], report);
  meter.moved('a', 1, 1);
  meter.end();
  vi.advanceTimersByTime(1_000);
  expect(report).toHaveBeenCalledOnce();
});
