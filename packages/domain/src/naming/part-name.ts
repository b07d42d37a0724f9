import type { Id } from '../ids.js';
import { baseName, joinPath, parentOf, type RemotePath } from '../remote-path.js';

const MAX_NAME_BYTES = 255;
const PART_NAME = /^\.waybill-[0-9a-f]{12}-.*\.part$/s;

/**
 * The temporary name beside `target` under which its bytes arrive. It is the same in every attempt, so that the next
 * one finds what the last one left; no other delivery has it: the last 12 digits of a delivery's id are random.
 */
export function partPathOf(deliveryId: Id, target: RemotePath): RemotePath {
  const name = fitName(`.waybill-${deliveryId.slice(-12)}-`, baseName(target), '.part');
  return joinPath(parentOf(target), name);
}

/** Is this the name of a part file of ours, of whichever run? */
export function isPartName(name: string): boolean {
  return PART_NAME.test(name);
}

/** `prefix + name + suffix`, with `name` cut at its end so that the whole is at most 255 bytes of UTF-8. */
export function fitName(prefix: string, name: string, suffix: string): string {
  const room = MAX_NAME_BYTES - utf8Length(prefix) - utf8Length(suffix);
  let fitting = '';
  let used = 0;
  for (const character of name) {
    used += utf8Length(character);
    if (used > room) break;
    fitting += character;
  }
  return prefix + fitting + suffix;
}

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}
