import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  behaviourOf,
  generateKeyPair,
  type Personality,
  personalities,
  type SimulatorEvent,
  startSimulator,
} from '@waybill/simulator';

export { PersonalityRefused } from '@waybill/simulator';

export interface SimulatedPartner extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  /** Absolute: what the account sees as `/`. */
  readonly root: string;
  readonly hostKey: string;
  readonly fingerprint: string;
  /** Private key of the account; it goes away with the simulator. */
  readonly keyFile: string;
}

export interface SimulatedPartnerOptions {
  /** As `behaviourOf` reads them. */
  readonly personalities: readonly string[];
  /** An existing directory; by default a new one, which goes away with the simulator. */
  readonly root?: string;
  readonly host?: string;
  readonly port?: number;
  readonly onEvent: (event: SimulatorEvent) => void;
}

export function allPersonalities(): readonly Personality[] {
  return personalities;
}

/**
 * Starts a partner's server with one account, which logs in with a new key.
 * @throws PersonalityRefused
 * @throws as Node if the root is missing or the port is taken
 */
export async function startSimulatedPartner(options: SimulatedPartnerOptions): Promise<SimulatedPartner> {
  const behaviours = options.personalities.map(behaviourOf);
  const { host, port, onEvent } = options;
  const username = 'acme';
  const key = generateKeyPair(`${username}, simulated by waybill`);
  // Only its owner may enter: 0700.
  const scratch = await mkdtemp(path.join(tmpdir(), 'waybill-simulate-'));
  try {
    const root = options.root ?? path.join(scratch, 'files');
    if (options.root === undefined) for (const name of ['', 'in', 'out']) await mkdir(path.join(root, name));
    const keyFile = path.join(scratch, 'account');
    await writeFile(keyFile, key.privateKey, { mode: 0o600 });
    const simulator = await startSimulator({
      ...{ root, behaviours, log: onEvent, users: [{ username, publicKeys: [key.publicKey] }] },
      ...(host !== undefined && { host }),
      ...(port !== undefined && { port }),
    });
    return {
      ...{ host: simulator.host, port: simulator.port, username, keyFile, root: await realpath(root) },
      ...{ hostKey: simulator.hostKey, fingerprint: simulator.fingerprint },
      async [Symbol.asyncDispose]() {
        await simulator.stop();
        await rm(scratch, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(scratch, { recursive: true, force: true });
    throw error;
  }
}
