import { whyNameRefused } from './remote-path.js';

/** Names a key where the deployment keeps its OpenPGP keys. Never the key itself. */
export type KeyRef = string;

/** `error`: a character that can't be converted fails the file. `replace`: it becomes `?`, or U+FFFD in Unicode. */
export const unmappableRules = ['error', 'replace'] as const;
export type UnmappableRule = (typeof unmappableRules)[number];

/** One step that changes what is in a file while it travels. Plain JSON; docs/transforms.md explains each. */
export type TransformSpec =
  /** `level` from 0 (store) to 9 (smallest); 6 if it isn't said. */
  | { readonly kind: 'gzip'; readonly level?: number | undefined }
  | { readonly kind: 'gunzip' }
  /** An archive with one entry, named as the file is at this step unless `entryName` says otherwise. */
  | { readonly kind: 'zip'; readonly entryName?: string | undefined; readonly level?: number | undefined }
  /** The entry named `entry`, or the only one there is. */
  | { readonly kind: 'unzip'; readonly entry?: string | undefined }
  | {
      readonly kind: 'openpgp-encrypt';
      readonly recipients: readonly KeyRef[];
      readonly signWith?: KeyRef | undefined;
      /** As text, for channels that damage binary files. */
      readonly armor?: boolean | undefined;
    }
  | {
      readonly kind: 'openpgp-decrypt';
      readonly decryptWith: readonly KeyRef[];
      /** A valid signature by one of these keys is required. */
      readonly requireSignatureBy?: readonly KeyRef[] | undefined;
    }
  | { readonly kind: 'openpgp-sign'; readonly signWith: KeyRef; readonly armor?: boolean | undefined }
  /** Takes the signature off after it was found valid and made by one of these keys. */
  | { readonly kind: 'openpgp-verify'; readonly requireSignatureBy: readonly KeyRef[] }
  | {
      readonly kind: 'charset';
      readonly from: Charset;
      readonly to: Charset;
      readonly onUnmappable?: UnmappableRule | undefined;
      /** Start the result with a byte order mark; only where `to` is a form of Unicode. */
      readonly byteOrderMark?: boolean | undefined;
      /** Which byte of EBCDIC stands for a line end: `nl` is 0x15 (the default), `lf` is 0x25. */
      readonly ebcdicLineEnd?: 'nl' | 'lf' | undefined;
    }
  | { readonly kind: 'line-ends'; readonly to: 'lf' | 'crlf' };

export type TransformKind = TransformSpec['kind'];

export const transformKinds = [
  ...(['gzip', 'gunzip', 'zip', 'unzip'] as const),
  ...(['openpgp-encrypt', 'openpgp-decrypt', 'openpgp-sign', 'openpgp-verify'] as const),
  ...(['charset', 'line-ends'] as const),
] as const satisfies readonly TransformKind[];

/** What came out of one step, for the record of a delivery. */
export interface TransformStage extends StageFindings {
  readonly kind: TransformKind;
  readonly bytes: number;
  /** Of the bytes that came out, in hex. */
  readonly sha256: string;
}

export interface StageFindings {
  /** The name of the entry that was taken out of an archive. */
  readonly entry?: string;
  /** The fingerprint of the key whose signature was found valid. */
  readonly signedBy?: string;
}

/** What a file was before its transforms, and what came out of each of them. */
export interface Transformed {
  /** Of the file as it was read from the source, in hex. */
  readonly sourceSha256: string;
  /** In order; the last one made what was delivered. */
  readonly stages: readonly TransformStage[];
}

const ebcdicCharsets = [
  ...(['ibm037', 'ibm273', 'ibm277', 'ibm278', 'ibm280', 'ibm284', 'ibm285', 'ibm297', 'ibm500'] as const),
  ...(['ibm871', 'ibm1047', 'ibm1140', 'ibm1141', 'ibm1142', 'ibm1143', 'ibm1144', 'ibm1145'] as const),
  ...(['ibm1146', 'ibm1147', 'ibm1148', 'ibm1149'] as const),
] as const;
export type EbcdicCharset = (typeof ebcdicCharsets)[number];

/** Every character set that files can be converted from and to. */
export const charsets = [
  ...(['utf-8', 'utf-16le', 'utf-16be', 'us-ascii'] as const),
  ...(['iso-8859-1', 'iso-8859-2', 'iso-8859-3', 'iso-8859-4', 'iso-8859-5', 'iso-8859-6'] as const),
  ...(['iso-8859-7', 'iso-8859-8', 'iso-8859-9', 'iso-8859-10', 'iso-8859-11', 'iso-8859-13'] as const),
  ...(['iso-8859-14', 'iso-8859-15', 'iso-8859-16'] as const),
  ...(['windows-1250', 'windows-1251', 'windows-1252', 'windows-1253', 'windows-1254'] as const),
  ...(['windows-1255', 'windows-1256', 'windows-1257', 'windows-1258', 'koi8-r', 'koi8-u'] as const),
  ...(['cp437', 'cp850', 'cp852', 'cp855', 'cp857', 'cp858', 'cp860', 'cp861', 'cp862'] as const),
  ...(['cp863', 'cp865', 'cp866'] as const),
  ...(['shift_jis', 'euc-jp', 'gbk', 'gb18030', 'big5', 'euc-kr'] as const),
  ...ebcdicCharsets,
] as const;
export type Charset = (typeof charsets)[number];

export function isEbcdic(charset: Charset): charset is EbcdicCharset {
  return (ebcdicCharsets as readonly Charset[]).includes(charset);
}

export function isUnicode(charset: Charset): charset is 'utf-8' | 'utf-16le' | 'utf-16be' {
  return charset.startsWith('utf-');
}

/**
 * Why these steps, in this order, make no sense, with what to do; `undefined` if they do. Whether the keys exist and
 * can be used is seen when the transforms are opened.
 */
export function whyTransformsRefused(specs: readonly TransformSpec[]): string | undefined {
  let charset: Charset = 'utf-8';
  for (const [index, spec] of specs.entries()) {
    const why = whySpecRefused(spec, charset);
    if (why) return `transform ${index + 1} (${spec.kind}): ${why}`;
    if (spec.kind === 'charset') charset = spec.to;
  }
  return undefined;
}

function whySpecRefused(spec: TransformSpec, charset: Charset): string | undefined {
  switch (spec.kind) {
    case 'gzip':
      return whyLevelRefused(spec.level);
    case 'zip':
      return (
        whyLevelRefused(spec.level) ??
        (spec.entryName === undefined ? undefined : whyNameRefused(spec.entryName))
      );
    case 'openpgp-encrypt':
      return spec.recipients.length > 0 ? undefined : 'it has no recipients; name at least one key';
    case 'openpgp-decrypt':
      if (spec.decryptWith.length === 0) return 'it has no key to decrypt with; name at least one';
      return spec.requireSignatureBy?.length === 0 ? NO_SIGNER : undefined;
    case 'openpgp-verify':
      return spec.requireSignatureBy.length === 0 ? NO_SIGNER : undefined;
    case 'charset':
      return whyCharsetRefused(spec);
    case 'line-ends':
      return charset.startsWith('utf-16') || isEbcdic(charset)
        ? `it reads line ends as in ASCII, but the text is ${charset} here; put it before that conversion`
        : undefined;
    default:
      return undefined;
  }
}

const NO_SIGNER = 'it requires a signature but accepts no key; name at least one, or leave the option out';

function whyLevelRefused(level: number | undefined): string | undefined {
  if (level === undefined || (Number.isInteger(level) && level >= 0 && level <= 9)) return undefined;
  return `level ${level} is not a whole number from 0 to 9`;
}

function whyCharsetRefused(spec: TransformSpec & { kind: 'charset' }): string | undefined {
  const unknown = [spec.from, spec.to].find((name) => !charsets.includes(name));
  if (unknown !== undefined)
    return `"${unknown}" is no character set that is known here; see docs/transforms.md`;
  if (spec.byteOrderMark && !isUnicode(spec.to)) return `${spec.to} has no byte order mark`;
  if (spec.ebcdicLineEnd && !isEbcdic(spec.from) && !isEbcdic(spec.to))
    return `neither ${spec.from} nor ${spec.to} is EBCDIC, so ebcdicLineEnd means nothing`;
  return undefined;
}

/** What the file `name` is called after the steps: `day.csv`, gzip, OpenPGP encrypt → `day.csv.gz.pgp`. */
export function nameAfterTransforms(name: string, specs: readonly TransformSpec[]): string {
  return specs.reduce(nameAfter, name);
}

/** What the file `name` is called after one step. A step that takes off an ending leaves a name without it alone. */
export function nameAfter(name: string, spec: TransformSpec): string {
  switch (spec.kind) {
    case 'gzip':
      return `${name}.gz`;
    case 'gunzip':
      return /.\.tgz$/i.test(name) ? name.replace(/gz$/i, 'ar') : without(name, ['.gz']);
    case 'zip':
      return `${name}.zip`;
    case 'unzip':
      return spec.entry === undefined ? without(name, ['.zip']) : lastSegment(spec.entry, name);
    case 'openpgp-encrypt':
    case 'openpgp-sign':
      return `${name}${spec.armor ? '.asc' : '.pgp'}`;
    case 'openpgp-decrypt':
    case 'openpgp-verify':
      return without(name, ['.pgp', '.gpg', '.asc']);
    default:
      return name;
  }
}

function without(name: string, endings: readonly string[]): string {
  const ending = endings.find((candidate) => name.toLowerCase().endsWith(candidate));
  const rest = ending === undefined ? name : name.slice(0, -ending.length);
  return whyNameRefused(rest) ? name : rest;
}

function lastSegment(entry: string, otherwise: string): string {
  const last = entry.slice(entry.lastIndexOf('/') + 1);
  return whyNameRefused(last) ? otherwise : last;
}
