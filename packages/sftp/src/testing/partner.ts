import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseHostKey } from '@waybill/domain/host-key';
import { type Behaviour, behaviourOf, type Simulator, startSimulator } from '@waybill/simulator';
import type { StorageEndpoint } from '@waybill/storage';
import type { SftpOptions } from '../options.js';
import { openSftpEndpoint } from '../sftp-endpoint.js';

/** A simulated partner with its files on disk. */
export interface Partner extends AsyncDisposable {
  readonly simulator: Simulator;
  /** Where `name` of the account lies on disk. */
  disk(name: string): string;
  /** What it takes to reach it. */
  readonly options: SftpOptions;
  /** Every endpoint is closed with the partner. */
  open(options?: Partial<SftpOptions>): Promise<StorageEndpoint>;
}

/** @param behaviours or the names of personalities, as `behaviourOf` reads them */
export async function startPartner(...behaviours: (Behaviour | string)[]): Promise<Partner> {
  const root = await mkdtemp(path.join(tmpdir(), 'waybill-partner-'));
  const simulator = await startSimulator({
    root,
    users: [{ username: 'acme', password: 'a secret' }],
    behaviours: behaviours.map((given) => (typeof given === 'string' ? behaviourOf(given) : given)),
  });
  const opened: StorageEndpoint[] = [];
  const reached: SftpOptions = {
    kind: 'sftp',
    host: simulator.host,
    port: simulator.port,
    username: 'acme',
    root: '',
    connectTimeoutMs: 5_000,
    operationTimeoutMs: 5_000,
    keepaliveMs: 5_000,
    secret: { kind: 'password', password: 'a secret' },
    hostKeys: [parseHostKey(simulator.hostKey)],
  };
  return {
    options: reached,
    simulator,
    disk: (name) => path.join(root, name),
    async open(options) {
      const endpoint = await openSftpEndpoint({ ...reached, ...options }, new AbortController().signal);
      opened.push(endpoint);
      return endpoint;
    },
    async [Symbol.asyncDispose]() {
      for (const endpoint of opened) await endpoint[Symbol.asyncDispose]();
      await simulator.stop();
      await rm(root, { recursive: true, force: true });
    },
  };
}
