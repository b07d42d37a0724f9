import type {
  CredentialSecret,
  EndpointProfile,
  LegacyAlgorithm,
  ProxySettings,
  SftpSettings,
} from '@waybill/domain';
import type { HostKey } from '@waybill/domain/host-key';

/** How connections get to a server, with all that it takes to go there. */
export type Route = ProxyRoute | JumpRoute;

export interface ProxyRoute extends ProxySettings {
  /** Goes to the proxy as plain text, as both protocols have it. */
  readonly password?: string | undefined;
}

export interface JumpRoute {
  readonly kind: 'jump';
  /** The account at the jump host; its own route leads there. */
  readonly host: Account;
}

/** An account on an SSH server. */
export interface Account extends Omit<SftpSettings, 'route'> {
  readonly route?: Route | undefined;
  readonly secret: CredentialSecret;
  /** The trusted keys of the server; empty refuses every server. */
  readonly hostKeys: readonly HostKey[];
  /**
   * Told the keys that the server, once it was authenticated, announced and proved to hold: also those that it will
   * change to. At any time while the connection lives.
   */
  readonly onAnnouncedHostKeys?: (keys: readonly HostKey[]) => void;
  /** Told the key that the server offered, where that is not a trusted one. */
  readonly onRefusedHostKey?: (key: HostKey) => void;
  /** Told that the server did not let us in with `secret`, or that this can't even be tried. */
  readonly onRefusedSecret?: () => void;
  /** Told the weak algorithms that were agreed on, if there are any. */
  readonly onLegacyAlgorithms?: (names: readonly LegacyAlgorithm[]) => void;
}

/** What it takes to open an SFTP endpoint. */
export interface SftpOptions extends Account {
  /** What a probe found out about this account. It only makes us more careful, or spares us a detour. */
  readonly profile?: EndpointProfile;
  /** Told what is ignored on purpose, such as a handle that could not be closed. Nothing if left out. */
  readonly log?: (message: string) => void;
}

/** Unanswered keepalives after which the connection counts as lost. */
export const KEEPALIVE_TRIES = 3;

/**
 * The largest READ or WRITE, in bytes, where the server advertises limits. OpenSSH takes 255 KiB at most
 * (`SFTP_MAX_READ_LENGTH`): the rest of its 256 KiB packet is header.
 */
export const MAX_CHUNK_BYTES = 255 * 1024;

/**
 * READ and WRITE size where the server advertises no limits: what draft-ietf-secsh-filexfer-02, section 3 asks every
 * server to take. OpenSSH for Windows cuts larger writes and reports success (Win32-OpenSSH issue 1395).
 */
export const SAFE_CHUNK_BYTES = 32 * 1024;

/** What a server is thought to hash at least, disks included: a file's share is added to the deadline of the request. */
export const HASHED_BYTES_PER_MS = 10 * 1024;

/** What a line is thought to carry at most: the bytes on their way that keep it busy are this times its round trip. */
export const BYTES_PER_MS = 800 * 1024;
/**
 * Bytes in READs that are not answered yet, of all files together: on a short line, and on the longest. More than that
 * on a short line makes OpenSSH slower: it moves what it has read and can't send yet back and forth in memory.
 */
export const MIN_WINDOW_BYTES = 12 * MAX_CHUNK_BYTES;
export const MAX_WINDOW_BYTES = 240 * MAX_CHUNK_BYTES;
/** What OpenSSH lets a client send on one channel before it answers (`CHAN_SES_WINDOW_DEFAULT`). */
export const CHANNEL_WINDOW_BYTES = 2 * 1024 * 1024;
/** Requests of one kind outstanding per channel, whatever their size. */
export const MAX_OUTSTANDING = 240;
/** Where the endpoint does not say: what OpenSSH allows a connection by itself (`MaxSessions`). */
export const DEFAULT_MAX_CHANNELS = 10;

/** A directory with more entries is refused: nobody can work with it, and a server could go on for ever. */
export const MAX_LIST_ENTRIES = 1_000_000;
/** Of all names of a directory together: a million entries of this length each still fit into memory. */
export const MAX_LIST_NAME_CHARACTERS = 128 * 1024 * 1024;

/** How long a polite goodbye may take before the socket is closed. */
export const CLOSE_GRACE_MS = 2_000;
