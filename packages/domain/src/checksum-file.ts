export const checksumAlgorithms = ['sha256', 'sha512', 'sha1', 'md5'] as const;
/** `sha1` and `md5` find accidents, not forgeries. */
export type ChecksumAlgorithm = (typeof checksumAlgorithms)[number];

export const checksumFormats = ['gnu', 'bsd', 'bare'] as const;
/**
 * What a checksum file of ours looks like.
 * - `gnu`: `<hex>  <name>`, as `sha256sum` writes it
 * - `bsd`: `SHA256 (<name>) = <hex>`, as `sha256sum --tag` does
 * - `bare`: `<hex>` alone
 */
export type ChecksumFormat = (typeof checksumFormats)[number];

/**
 * A file of the source is delivered only if its checksum file names the checksum of the bytes that were read. Checksum
 * files are no files to deliver; each has the disposition of its file.
 */
export interface RequiredChecksumFile {
  /** Template of its name beside the file, such as `{name}.sha256`. */
  readonly name: string;
  readonly algorithm: ChecksumAlgorithm;
  /** A file without its checksum file is left alone until it is so old; then it fails. Default: five minutes. */
  readonly graceMs?: number | undefined;
}

/** Each delivered file gets a checksum file beside it, of the bytes at the target. */
export interface WrittenChecksumFile {
  /** Template of its name beside the file, such as `{name}.sha256`. */
  readonly name: string;
  readonly algorithm: ChecksumAlgorithm;
  /** Default: `gnu`. */
  readonly format?: ChecksumFormat | undefined;
}

const DEFAULT_GRACE_MS = 300_000;

export function checksumGraceMs({ graceMs = DEFAULT_GRACE_MS }: RequiredChecksumFile): number {
  return graceMs;
}

/** A checksum file that is longer is not read to its end. */
export const maxChecksumFileBytes = 64 * 1024;

/** `checksum` in lower-case hex. */
export type ChecksumFound =
  | { readonly kind: 'found'; readonly checksum: string }
  /** One sentence's worth, without its end. */
  | { readonly kind: 'unreadable'; readonly why: string };

const hexLengths = { sha256: 64, sha512: 128, sha1: 40, md5: 32 } as const satisfies Record<
  ChecksumAlgorithm,
  number
>;

/**
 * The checksum that a checksum file names for the file `name`: the bare checksum, or the lines of `sha256sum` and its
 * kin, with or without `--tag`. Of a name with directories the last part counts. All lines have to be readable, and to
 * agree where several are for this name.
 */
export function readChecksumFile(
  content: Uint8Array,
  name: string,
  algorithm: ChecksumAlgorithm,
): ChecksumFound {
  if (content.length > maxChecksumFileBytes)
    return unreadable(`it is longer than ${maxChecksumFileBytes} bytes`);
  const text = decoded(content);
  if (text === undefined) return unreadable('it is not UTF-8 text');
  const lines = text.split(/\r\n|\r|\n/).filter((line) => line.trim() !== '');
  const [only] = lines;
  if (only === undefined) return unreadable('it is empty');
  if (lines.length === 1 && isHex(only.trim(), algorithm)) return found(only.trim());

  const checksums = new Set<string>();
  for (const line of lines) {
    const entry = readLine(line, algorithm);
    if (!entry) return unreadable(`it holds a line that is no ${algorithm} checksum: ${excerptOf(line)}`);
    if (entry.checksum !== undefined && lastPartOf(entry.name) === name)
      checksums.add(entry.checksum.toLowerCase());
  }
  const [checksum, other] = checksums;
  if (checksum === undefined) return unreadable(`it names no ${algorithm} checksum for ${name}`);
  if (other !== undefined) return unreadable(`it names two checksums for ${name}: ${checksum} and ${other}`);
  return found(checksum);
}

/** What stands in the checksum file of the file `name`; `checksum` in hex. Programs that read the format accept it. */
export function writeChecksumFile(
  name: string,
  checksum: string,
  { algorithm, format = 'gnu' }: WrittenChecksumFile,
): string {
  if (format === 'bare') return `${checksum}\n`;
  const escaped = name.replaceAll('\\', '\\\\');
  const mark = escaped === name ? '' : '\\';
  return format === 'gnu'
    ? `${mark}${checksum}  ${escaped}\n`
    : `${mark}${algorithm.toUpperCase()} (${escaped}) = ${checksum}\n`;
}

interface Line {
  readonly name: string;
  /** `undefined`: of another algorithm. */
  readonly checksum: string | undefined;
}

function readLine(line: string, algorithm: ChecksumAlgorithm): Line | undefined {
  const isEscaped = line.startsWith('\\');
  const entry = readPlainLine(isEscaped ? line.slice(1) : line, algorithm);
  return entry && isEscaped ? { ...entry, name: unescaped(entry.name) } : entry;
}

function readPlainLine(line: string, algorithm: ChecksumAlgorithm): Line | undefined {
  const [, tag, tagged, sum] = /^([A-Z][A-Z0-9-]*) \((.+)\) = ([0-9A-Fa-f]+)$/.exec(line) ?? [];
  if (tag !== undefined && tagged !== undefined && sum !== undefined) {
    if (tag !== algorithm.toUpperCase()) return { name: tagged, checksum: undefined };
    return isHex(sum, algorithm) ? { name: tagged, checksum: sum } : undefined;
  }
  const [, checksum, name] = /^([0-9A-Fa-f]+) [ *](.+)$/.exec(line) ?? [];
  if (checksum === undefined || name === undefined || !isHex(checksum, algorithm)) return undefined;
  return { name, checksum };
}

/** `sha256sum` writes a backslash first where a name holds backslashes or line ends. */
function unescaped(name: string): string {
  return name.replace(/\\([\\nr])/g, (_, letter: string) => ({ n: '\n', r: '\r' })[letter] ?? '\\');
}

function lastPartOf(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}

function isHex(text: string, algorithm: ChecksumAlgorithm): boolean {
  return text.length === hexLengths[algorithm] && /^[0-9A-Fa-f]+$/.test(text);
}

/** UTF-8, or UTF-16 where it begins with that mark, as shells of Windows write it. */
function decoded(content: Uint8Array): string | undefined {
  const [first, second] = content;
  const encoding =
    first === 0xff && second === 0xfe ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8';
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(content);
  } catch {
    return undefined;
  }
}

function excerptOf(line: string): string {
  const printable = line.replace(/[^ -~]/g, '?');
  return `"${printable.length > 80 ? `${printable.slice(0, 80)}…` : printable}"`;
}

function found(checksum: string): ChecksumFound {
  return { kind: 'found', checksum: checksum.toLowerCase() };
}

function unreadable(why: string): ChecksumFound {
  return { kind: 'unreadable', why };
}
