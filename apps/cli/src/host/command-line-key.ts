import { chmod, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { authenticate, type Context, createApiKey } from '@waybill/operations';

/** How the command line of this machine reaches the service: `cli.json` in the data directory, mode 0600. */
export interface CommandLineAccess {
  readonly url: string;
  readonly apiKey: string;
}

/**
 * Keeps `cli.json` true: the address of this start, and a key with all scopes that the database knows. A new key is
 * made where there is none or where it was revoked.
 */
export async function refreshCommandLineAccess(
  context: Context,
  dataDir: string,
  url: string,
): Promise<CommandLineAccess> {
  const path = join(dataDir, 'cli.json');
  const known = await readApiKey(path);
  const usable = known !== undefined && (await authenticate(context.database, known)) !== undefined;
  const apiKey = usable ? known : await newKey(context);
  const access = { url, apiKey };
  await writeWhole(path, `${JSON.stringify(access, null, 2)}\n`);
  return access;
}

async function newKey(context: Context): Promise<string> {
  const name = `command-line-${new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}`;
  return (await createApiKey(context, { name, scopes: ['admin'] })).key;
}

/** `undefined` where there is none that could be read: the file is ours alone, so a broken one is written anew. */
async function readApiKey(path: string): Promise<string | undefined> {
  try {
    const { apiKey } = JSON.parse(await readFile(path, 'utf8'));
    return typeof apiKey === 'string' ? apiKey : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Under a temporary name first, so that a reader never sees half of it. */
async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  await writeFile(temporary, text, { mode: 0o600 });
  await chmod(temporary, 0o600);
  await rename(temporary, path);
}
