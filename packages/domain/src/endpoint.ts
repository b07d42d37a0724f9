import type { LegacyAlgorithm } from './legacy-algorithms.js';
import type { PartNaming } from './naming/part-naming.js';
import { type RouteSettings, routeText } from './route.js';
import type { EndpointKind, Verification } from './transfer.js';

export const remoteHashSources = ['off', 'check-file', 'shell'] as const;
/**
 * Where an SFTP server may be asked for the SHA-256 of a file.
 * - `check-file`: by the extension of that name, which few servers have
 * - `shell`: by that and, where it fails, by `sha256sum` in the account's shell
 */
export type RemoteHashSource = (typeof remoteHashSources)[number];

/** How to reach an SFTP account. Secrets are not in here: they are the endpoint's credential. */
export interface SftpSettings {
  readonly kind: 'sftp';
  readonly host: string;
  readonly port: number;
  readonly username: string;
  /** Directory below which all paths of the endpoint lie; relative to the login directory unless it starts with "/". */
  readonly root: string;
  /** TCP connect, handshake and authentication together. */
  readonly connectTimeoutMs: number;
  /** Deadline of every single request to the server. */
  readonly operationTimeoutMs: number;
  readonly keepaliveMs: number;
  /** Channels of one connection that a large file may use at once; 10 if left out, 1 where the server minds. */
  readonly maxChannels?: number | undefined;
  /** `check-file` if left out. */
  readonly remoteHash?: RemoteHashSource | undefined;
  /** What every delivery to this endpoint has to prove at least; `size` if left out. */
  readonly minimumAssurance?: Verification | undefined;
  /** How part files are named; as ours are if left out. */
  readonly partNaming?: PartNaming | undefined;
  /** How connections get there; directly if left out. */
  readonly route?: RouteSettings | undefined;
  /** Weak algorithms that are offered to this server after all others. */
  readonly legacyAlgorithms?: readonly LegacyAlgorithm[] | undefined;
}

/** A directory that the workers of the endpoint's pool can see. */
export interface LocalSettings {
  readonly kind: 'local';
  /** Absolute path. */
  readonly root: string;
  /** What every delivery to this endpoint has to prove at least; `size` if left out. */
  readonly minimumAssurance?: Verification | undefined;
  /** How part files are named; as ours are if left out. */
  readonly partNaming?: PartNaming | undefined;
}

/** A bucket of an S3-compatible object store. The access key is the endpoint's credential. */
export interface S3Settings {
  readonly kind: 's3';
  /** `https://host` or `https://host:port`; Amazon's address of the region if left out. */
  readonly url?: string | undefined;
  readonly region: string;
  readonly bucket: string;
  /** Prefix below which all paths of the endpoint lie, without a slash at its end; `''` is the whole bucket. */
  readonly root: string;
  /** `https://host/bucket/key` instead of `https://bucket.host/key`: what most servers but Amazon's want. */
  readonly pathStyle: boolean;
  /** Without it a `url` of plain http is refused: names and bytes would cross the network for all to read. */
  readonly allowPlainHttp: boolean;
  readonly connectTimeoutMs: number;
  /** How long the server may be silent in the middle of any single request. */
  readonly operationTimeoutMs: number;
  /** What every delivery to this endpoint has to prove at least; `size` if left out. */
  readonly minimumAssurance?: Verification | undefined;
}

export type EndpointSettings = SftpSettings | LocalSettings | S3Settings;

/** Do both lead to the same files? By another way, a host of the same name may be another one. */
export function isSamePlace(one: EndpointSettings, other: EndpointSettings): boolean {
  if (one.root !== other.root) return false;
  switch (one.kind) {
    case 'local':
      return other.kind === 'local';
    case 'sftp':
      if (other.kind !== 'sftp' || wayOf(one) !== wayOf(other)) return false;
      return one.host === other.host && one.port === other.port && one.username === other.username;
    case 's3':
      if (other.kind !== 's3') return false;
      return one.bucket === other.bucket && one.url === other.url && one.region === other.region;
  }
}

function wayOf({ route }: SftpSettings): string {
  return route ? routeText(route) : 'direct';
}

/** What a person should know about settings that are allowed, but not good. */
export function warningsOf(settings: EndpointSettings): string[] {
  if (settings.kind === 's3') return [];
  const warnings: string[] = [];
  if (settings.kind === 'sftp' && settings.legacyAlgorithms?.length)
    warnings.push(
      `weak algorithms are allowed: ${settings.legacyAlgorithms.join(', ')}. Have the partner upgrade the server, then ` +
        'take them away',
    );
  if (settings.partNaming?.kind === 'none')
    warnings.push(
      'files are written straight under their final names: readers see them grow, and half of one after a failure; a ' +
        'file that is replaced is lost as soon as the new one begins. Use a suffix if the other side takes one',
    );
  return warnings;
}

export const hostKeyStates = ['proposed', 'active', 'retiring', 'revoked'] as const;
/** Only `active` and `retiring` keys are trusted. */
export type HostKeyState = (typeof hostKeyStates)[number];

/** The secret of an account, as it is inside its envelope. */
export type CredentialSecret =
  | { readonly kind: 'password'; readonly password: string }
  /** Private key in OpenSSH or PEM form. */
  | { readonly kind: 'private-key'; readonly privateKey: string; readonly passphrase?: string }
  /** Every prompt is answered with the password; more than one round of prompts is refused. */
  | { readonly kind: 'keyboard-interactive'; readonly password: string }
  /** Of an S3 account; `sessionToken` comes with temporary keys alone. */
  | {
      readonly kind: 'access-key';
      readonly accessKeyId: string;
      readonly secretAccessKey: string;
      readonly sessionToken?: string;
    };

export const credentialKinds = ['password', 'private-key', 'keyboard-interactive', 'access-key'] as const;
export type CredentialKind = (typeof credentialKinds)[number];

/** Whether an endpoint of this kind can log in with a credential of that kind. */
export function acceptsCredential(endpoint: EndpointKind, credential: CredentialKind): boolean {
  if (endpoint === 'local') return false;
  return (endpoint === 's3') === (credential === 'access-key');
}

/** What a credential of an endpoint signs in to: the account there, or the proxy on the way. */
export const credentialPurposes = ['account', 'proxy'] as const;
export type CredentialPurpose = (typeof credentialPurposes)[number];
