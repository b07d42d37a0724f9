import type { Database } from '@waybill/db';
import type { Actor } from '@waybill/domain';

/** Where an operation acts, and on whose behalf. */
export interface Context {
  readonly database: Database;
  readonly actor: Actor;
}
