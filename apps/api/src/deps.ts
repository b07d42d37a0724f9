import type { Database } from '@waybill/db';
import type { RunQueue, Signals } from '@waybill/queue';
import type { Signer, Vault } from '@waybill/secrets';
import type { Logger } from '@waybill/telemetry';

/** What the API is given. It closes none of it. */
export interface ApiDeps {
  readonly database: Database;
  /** Seals credentials. */
  readonly vault: Vault;
  /** Signs receipts. */
  readonly signer: Signer;
  /** With it a run is dispatched right after the request that made it; without it the scheduler does so. */
  readonly queue?: RunQueue;
  /** Without it live progress is read from the database every two seconds. */
  readonly signals?: Signals;
  readonly log: Logger;
  /** Of Waybill. */
  readonly version: string;
  /** Whose `X-Forwarded-For` is believed, such as `loopback`; default: nobody's. */
  readonly trustedProxies?: string;
  /** Ends the live streams, which would otherwise keep the server from closing. */
  readonly stopping?: AbortSignal;
}
