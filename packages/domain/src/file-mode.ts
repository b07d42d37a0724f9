import type { EndpointKind } from './transfer.js';

/** Instead of permissions: those that the file has at the source. */
export const PRESERVE_MODE = 'preserve';

/** @param mode octal, such as `0640` */
export function modeOf(mode: string): number {
  return Number.parseInt(mode, 8);
}

/** Why the mode of a definition is none; `undefined` if it is one. */
export function whyModeRefused(mode: string): string | undefined {
  if (mode === PRESERVE_MODE || /^0?[0-7]{3}$/.test(mode)) return undefined;
  return `"${mode}" is no mode: write three octal digits, such as "0640", or "${PRESERVE_MODE}"`;
}

/** Why files can't have a mode where they come from, or where they go; `undefined` if they can. */
export function whyModeUnsupported(
  mode: string,
  source: EndpointKind,
  target: EndpointKind,
): string | undefined {
  if (target === 's3') return 'objects have no mode: leave it out';
  if (mode === PRESERVE_MODE && source === 's3')
    return `objects have no mode that could be preserved: say which one files are to have, such as "0640"`;
  return undefined;
}
