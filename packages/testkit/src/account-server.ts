/** A real SFTP server with one account that is let in by its key. */
export interface AccountServer {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly username: string;
  /** Directory on this machine that holds the account's files. */
  readonly directory: string;
  /** What leads there, as the account says it: relative to where its sessions start, or absolute. */
  readonly root: string;
  /** `ssh-ed25519 AAAA…`. */
  readonly hostKey: string;
  /** The private key of the account. */
  readonly privateKey: string;
  log(): string;
  /** Ends all processes and removes what they left. */
  stop(): Promise<void>;
}
