import type { CredentialSecret, SftpSettings } from '@waybill/domain';
import type { HostKey } from '@waybill/domain/host-key';

/** What it takes to open an SFTP endpoint. */
export interface SftpOptions extends SftpSettings {
  readonly secret: CredentialSecret;
  /** The trusted keys of the server; empty refuses every server. */
  readonly hostKeys: readonly HostKey[];
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

/** Bytes in requests that are not answered yet, per file; this is also what a put holds in memory. */
export const WINDOW_BYTES = 32 * MAX_CHUNK_BYTES;
/** Requests outstanding per file, whatever their size. */
export const MAX_OUTSTANDING = 64;

/** A directory with more entries is refused: nobody can work with it, and a server could go on for ever. */
export const MAX_LIST_ENTRIES = 1_000_000;

/** How long a polite goodbye may take before the socket is closed. */
export const CLOSE_GRACE_MS = 2_000;
