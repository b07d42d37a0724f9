/** Who did something: a person or program behind an API key, a part of Waybill itself, or nobody we know. */
export const actorKinds = ['api-key', 'scheduler', 'worker', 'system', 'anonymous'] as const;
export type ActorKind = (typeof actorKinds)[number];

export interface Actor {
  readonly kind: ActorKind;
  /** The id of the API key or worker. */
  readonly id?: string;
  /** As people know it. */
  readonly name: string;
  /** Where the request came from. */
  readonly address?: string;
  readonly requestId?: string;
}

export const scopes = ['read', 'operate', 'define', 'audit', 'admin'] as const;
/**
 * What an API key may do. `read`: see records; `operate`: run, cancel, retry; `define`: partners, endpoints,
 * OpenPGP keys, transfers, schedules; `audit`: read the audit log; `admin`: everything, API keys included.
 */
export type Scope = (typeof scopes)[number];

export function allows(granted: readonly Scope[], needed: Scope): boolean {
  return granted.includes('admin') || granted.includes(needed);
}
