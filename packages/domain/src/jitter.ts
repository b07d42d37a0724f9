import type { Id } from './ids.js';

/**
 * How long after its due time an occurrence begins: 0 to `jitterSeconds`, in ms. The same for everybody who asks, and
 * spread evenly over schedules and due times.
 */
export function jitterMs(scheduleId: Id, dueAt: Date, jitterSeconds: number): number {
  if (jitterSeconds === 0) return 0;
  return hash(`${scheduleId}@${dueAt.toISOString()}`) % (jitterSeconds * 1000 + 1);
}

/** 32 bits: FNV-1a with the last steps of MurmurHash3, which carry each bit to all others. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
