/** Where a server listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** What all hops of a route are told. */
export interface Dialling {
  readonly signal: AbortSignal;
  /** Told what is being done now, in words that are followed by where. */
  readonly onPhase: (phase: string) => void;
}

/** `host:port`. */
export function at({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
