import { expect, it } from 'vitest';
import { formatBytes, formatDuration, formatSpan, formatTime, printable } from './format.js';

it.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.00 KiB'],
  [10 * 1024 + 512, '10.5 KiB'],
  [64 * 1024 ** 2, '64.0 MiB'],
  [250 * 1024 ** 3, '250 GiB'],
])('writes %i bytes as %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

it.each([
  [12, '12 ms'],
  [1500, '1.5 s'],
  [61_000, '1 min 1 s'],
  [3_720_000, '1 h 2 min'],
])('writes %i ms as %s', (milliseconds, text) => {
  expect(formatDuration(milliseconds)).toBe(text);
});

it('leaves a span empty while its end is not known', () => {
  expect(formatSpan('2026-03-01T06:00:00.000Z', null)).toBe('');
  expect(formatSpan('2026-03-01T06:00:00.000Z', '2026-03-01T06:00:00.250Z')).toBe('250 ms');
});

it('writes times in UTC to the second', () => {
  expect(formatTime('2026-03-01T06:00:00.123Z')).toBe('2026-03-01 06:00:00Z');
});

it('takes what would steer a terminal out of names', () => {
  expect(printable('a\u001b[31mb\u202ec\nd')).toBe('a\ufffd[31mb\ufffdc\ufffdd');
});
