/** One measured move of a directory's files between this machine and the server. */
export interface Task {
  readonly direction: 'pull' | 'push';
  /** Both absolute; on loopback they are directories of the same machine. */
  readonly remote: string;
  readonly local: string;
  readonly names: 'one file' | 'many files';
  readonly port: number;
  readonly username: string;
  readonly keyFile: string;
  readonly knownHosts: string;
  readonly hostKey: string;
}

export interface Taken {
  readonly ms: number;
  /** Of our own process only, as what follows: all of its threads. */
  readonly cpuMs?: number;
  readonly peakMiB?: number;
  readonly lagP99Ms?: number;
}

export const CIPHER = 'aes128-gcm@openssh.com';
