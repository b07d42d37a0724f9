import { expect, it } from 'vitest';
import { inParts, MAX_OBJECT_BYTES, MAX_PARTS, type Part, partBytes } from './part-bytes.js';

const MIB = 1024 * 1024;

it('ten thousand parts hold the largest object, and none is larger than S3 takes', () => {
  const sizes = Array.from({ length: MAX_PARTS }, (_, i) => partBytes(i + 1));
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeGreaterThan(MAX_OBJECT_BYTES);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(5 * 1024 * MIB);
  expect(Math.min(...sizes)).toBeGreaterThanOrEqual(5 * MIB);
});

it('a file of a gigabyte is sent in the smallest parts', () => {
  expect(partBytes(128)).toBe(partBytes(1));
});

it.each([
  [0, [0]],
  [1, [1]],
  [9, [9]],
  [10, [10]],
  [11, [10, 1]],
  [25, [10, 15]],
  [26, [10, 15, 1]],
])('a body of %s bytes is cut into parts of their sizes, whatever its chunks are', async (length, sizes) => {
  const body = Buffer.from(Array.from({ length }, (_, i) => i));
  for (const chunk of [1, 4, 10, 100]) {
    const parts = await cut(body, chunk);
    expect(parts.map(({ bytes }) => bytes.length)).toEqual(sizes);
    expect(parts.map(({ number }) => number)).toEqual(sizes.map((_, i) => i + 1));
    expect(Buffer.concat(parts.map(({ bytes }) => bytes))).toEqual(body);
  }
});

async function cut(body: Buffer, chunk: number): Promise<Part[]> {
  const chunks = async function* () {
    for (let at = 0; at < body.length; at += chunk) yield body.subarray(at, at + chunk);
  };
  const parts: Part[] = [];
  for await (const part of inParts(chunks(), (number) => 5 + 5 * number)) parts.push(part);
  return parts;
}
