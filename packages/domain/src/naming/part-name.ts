import type { Id } from '../ids.js';
import { baseName, joinPath, parentOf, type RemotePath } from '../remote-path.js';

const MAX_NAME_BYTES = 255;
const ASIDE_NAME = /^\.waybill-[0-9a-f]{12}-replaced\.part$/;
const PART_NAME = /^\.waybill-[0-9a-f]{12}-.*\.part$/s;

/**
 * The temporary name beside `target` under which its bytes arrive. It is the same in every attempt, so that the next
 * one finds what the last one left; no other delivery has it: the last 12 digits of a delivery's id are random.
 */
export function partPathOf(deliveryId: Id, target: RemotePath): RemotePath {
  const name = fitName(ownPrefix(deliveryId), baseName(target), '.part');
  return joinPath(parentOf(target), name);
}

/** Is this the name of a part file of ours, of whichever run? */
export function isPartName(name: string): boolean {
  return PART_NAME.test(name);
}

/**
 * Where a file is set aside that can't be replaced in one step: beside it, hidden, and the same every time, so that what
 * is left behind is found again. It is no part file: it holds what was there before.
 * @param digits 12 hexadecimal ones that its name leads to
 */
export function asidePathOf(path: RemotePath, digits: string): RemotePath {
  return joinPath(parentOf(path), `.waybill-${digits}-replaced.part`);
}

/** It may also be the part file of a file of the name `replaced`. */
export function isAsideName(name: string): boolean {
  return ASIDE_NAME.test(name);
}

/** Is this a part file of ours that no other delivery can have? */
export function isPartOf(deliveryId: Id, path: RemotePath): boolean {
  const name = baseName(path);
  return isPartName(name) && name.startsWith(ownPrefix(deliveryId));
}

/** Is `prefix + name + suffix` short enough for a file system? */
export function fitsName(prefix: string, name: string, suffix: string): boolean {
  return utf8Length(prefix + name + suffix) <= MAX_NAME_BYTES;
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

/** The last digits of the id of the delivery whose part file this is, by its name; `undefined` for any other name. */
export function deliveryDigitsOf(name: string): string | undefined {
  return isPartName(name) && !isAsideName(name) ? name.slice('.waybill-'.length).slice(0, 12) : undefined;
}

function ownPrefix(deliveryId: Id): string {
  return `.waybill-${deliveryId.slice(-12)}-`;
}

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}
