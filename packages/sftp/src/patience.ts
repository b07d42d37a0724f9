import type { Client } from 'ssh2';

/** What ssh2 keeps of a connection, but does not declare. */
interface Undeclared {
  readonly config: { readonly keepaliveInterval?: number };
  readonly _resetKA?: () => void;
}

/**
 * The work on one connection that its server may take its time for. Servers with one process per connection (ProFTPD)
 * answer nothing else meanwhile: no request on any channel, and no keepalive.
 */
export class Patience {
  readonly #client: Client;
  readonly #underWay = new Set<{ readonly ms: number }>();
  #beat: NodeJS.Timeout | undefined;
  #endedAt = 0;

  constructor(client: Client) {
    this.#client = client;
    client.once('close', () => clearInterval(this.#beat));
  }

  /** Milliseconds that the server may be silent for beyond the deadline. */
  get ms(): number {
    return Math.max(0, ...[...this.#underWay].map(({ ms }) => ms));
  }

  /** `performance.now()` when the last such work was over: what waited behind it is answered only then. */
  get endedAt(): number {
    return this.#endedAt;
  }

  /** @returns ends it */
  begin(ms: number): () => void {
    const work = { ms };
    this.#underWay.add(work);
    this.#beat ??= this.#forgiveKeepalives();
    return () => {
      this.#underWay.delete(work);
      this.#endedAt = performance.now();
      if (this.#underWay.size > 0) return;
      clearInterval(this.#beat);
      this.#beat = undefined;
    };
  }

  /** Keepalives go on, since they keep a line open; that they are not answered is forgotten before it counts. */
  #forgiveKeepalives(): NodeJS.Timeout {
    const client = this.#client as unknown as Undeclared;
    const everyMs = 1.5 * Math.max(1, client.config.keepaliveInterval ?? 0);
    return setInterval(() => client._resetKA?.(), everyMs).unref();
  }
}
