import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { ClientOptions } from '@waybill/contract';
import type { Config } from './config.js';
import { CommandFailed } from './errors.js';
import { exitCodes } from './exit-codes.js';

/** Options that go before the environment. */
export interface ConnectionOptions {
  readonly url?: string;
  readonly apiKeyFile?: string;
  readonly dataDir: string;
}

/**
 * Address and key of the service: options first, then the environment, then what `waybill up` left in the data
 * directory. The key of that file is given to the address in that file alone.
 * @throws CommandFailed if the address is not known, or a file cannot be read
 */
export async function findConnection(options: ConnectionOptions, config: Config): Promise<ClientOptions> {
  const { dataDir } = options;
  const local = await readLocal(path.join(dataDir, 'cli.json'));
  const baseUrl = options.url ?? config.url ?? local?.url;
  if (!baseUrl)
    throw new CommandFailed(
      exitCodes.invalid,
      `no service is known: give --url or WAYBILL_URL, or start one on this machine by "waybill up" (data directory ${dataDir})`,
    );
  if (!/^https?:\/\/./.test(baseUrl) || !URL.canParse(baseUrl))
    throw new CommandFailed(
      exitCodes.invalid,
      `"${baseUrl}" is not an address such as http://127.0.0.1:8022`,
    );
  const given = options.apiKeyFile ? await readKey(options.apiKeyFile) : config.apiKey;
  const apiKey = given ?? (local?.url === baseUrl ? local.apiKey : undefined);
  return { baseUrl, ...(apiKey === undefined ? {} : { apiKey }) };
}

async function readKey(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    throw new CommandFailed(exitCodes.invalid, `cannot read the API key: ${(cause as Error).message}`, {
      cause,
    });
  }
}

async function readLocal(file: string): Promise<{ url: string; apiKey: string } | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as { url: string; apiKey: string };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new CommandFailed(exitCodes.invalid, `cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
}
