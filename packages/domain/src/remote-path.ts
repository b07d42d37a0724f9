/**
 * A path below an endpoint's root: relative, `/`-separated, normalised; `''` is the root itself. It has no `.` or
 * `..`, no empty segment, no NUL or other control character. Only {@link parsePath} and {@link joinPath} make one.
 */
export type RemotePath = string & { readonly __remotePath: true };

export class PathRefused extends Error {
  override readonly name = 'PathRefused';
}

const MAX_PATH_BYTES = 4096;
const MAX_NAME_BYTES = 255;

const ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };
/** Control characters, line and paragraph separators, and what turns the direction of writing around. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;

/** A name as it can be printed: control characters and the like are escaped, long ones cut. */
export function printableName(name: string): string {
  const escaped = name.replace(UNPRINTABLE, (c) => ESCAPES[c] ?? escapeOf(c));
  if (escaped.length <= 200) return escaped;
  const halfACharacter = /\p{Cs}$/u;
  return `${escaped.slice(0, 200).replace(halfACharacter, '')}… (${name.length} characters)`;
}

function escapeOf(character: string): string {
  const hex = (character.codePointAt(0) ?? 0).toString(16);
  return hex.length > 4 ? `\\u{${hex}}` : `\\u${hex.padStart(4, '0')}`;
}

/** Why `name` cannot be one segment of a path; `undefined` if it can. Names out of a listing are hostile input. */
export function whyNameRefused(name: string): string | undefined {
  if (name === '') return 'the name is empty';
  if (name === '.' || name === '..') return `"${name}" is not the name of a file`;
  if (name.includes('/')) return 'the name holds a "/", which would leave the directory';
  const control = /\p{Cc}/u.exec(name)?.[0];
  if (control !== undefined) return `the name holds the control character ${printableName(control)}`;
  if (/\p{Surrogate}/u.test(name)) return 'the name is not well-formed Unicode';
  if (new TextEncoder().encode(name).length > MAX_NAME_BYTES)
    return `the name is longer than ${MAX_NAME_BYTES} bytes`;
  return undefined;
}

/**
 * Reads a path that a person or a program wrote. Leading, trailing and doubled slashes are dropped.
 * @throws PathRefused with the reason
 */
export function parsePath(text: string): RemotePath {
  const segments = text.split('/').filter((s) => s !== '' && s !== '.');
  for (const segment of segments) {
    const why = whyNameRefused(segment);
    if (why) throw new PathRefused(`path "${printableName(text)}" is refused: ${why}`);
  }
  return bounded(segments.join('/'));
}

/**
 * `directory` and one name below it.
 * @throws PathRefused if `name` is not a safe single segment, or the whole is too long
 */
export function joinPath(directory: RemotePath, name: string): RemotePath {
  const why = whyNameRefused(name);
  if (why) throw new PathRefused(`name "${printableName(name)}" is refused: ${why}`);
  return bounded(directory === '' ? name : `${directory}/${name}`);
}

function bounded(path: string): RemotePath {
  if (new TextEncoder().encode(path).length > MAX_PATH_BYTES)
    throw new PathRefused(`path "${printableName(path)}" is longer than ${MAX_PATH_BYTES} bytes`);
  return path as RemotePath;
}

export const rootPath = '' as RemotePath;

export function parentOf(path: RemotePath): RemotePath {
  const at = path.lastIndexOf('/');
  return (at < 0 ? '' : path.slice(0, at)) as RemotePath;
}

export function baseName(path: RemotePath): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
