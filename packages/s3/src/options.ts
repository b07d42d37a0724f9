import type { CredentialSecret, S3Settings } from '@waybill/domain';

/** What it takes to open a bucket. */
export interface S3Options extends S3Settings {
  readonly secret: CredentialSecret;
  /** Told what is ignored on purpose, such as an upload that could not be aborted. Nothing if left out. */
  readonly log?: (message: string) => void;
}

/**
 * Parts of one file that are on their way at once, while one more is filled. Three times 8 MiB is what a put holds in
 * memory at most, up to 6.25 GiB; see `partBytes` for larger files.
 */
export const PARTS_IN_FLIGHT = 2;

/** Copies within the bucket above this size go in parts of it, so that the server need not be silent for long. */
export const COPY_PART_BYTES = 256 * 1024 * 1024;
export const COPIES_IN_FLIGHT = 4;

/** Requests of one endpoint at once, and so connections, beside those that read: one for each file that is read. */
export const REQUESTS_IN_FLIGHT = 32;

/** How long tidying up after a failure may take, when nobody waits for its outcome. */
export const CLEANUP_MS = 10_000;
