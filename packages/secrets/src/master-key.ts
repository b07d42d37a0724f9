import { createHash, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/** 256 random bits under which every data key is wrapped, and from which the signing key is derived. */
export interface MasterKey {
  /** 16 hex digits that tell one master key from another and give nothing of it away. */
  readonly id: string;
  readonly bytes: Buffer;
}

export class MasterKeyRefused extends Error {
  override readonly name = 'MasterKeyRefused';
}

const KEY_BYTES = 32;

/** Reads a master key written as 44 characters of base64. @throws MasterKeyRefused; the message holds nothing of it */
export function parseMasterKey(text: string, origin: string): MasterKey {
  const bytes = Buffer.from(text.trim(), 'base64');
  if (bytes.length !== KEY_BYTES || bytes.toString('base64') !== text.trim())
    throw new MasterKeyRefused(
      `${origin} must be ${KEY_BYTES} random bytes in base64 (44 characters), such as "openssl rand -base64 32" prints`,
    );
  const id = createHash('sha256').update('waybill master key id\0').update(bytes).digest('hex').slice(0, 16);
  return { id, bytes };
}

/**
 * Reads the master key's file, or makes one with a new key if there is none.
 * @throws MasterKeyRefused if others than its owner may read the file
 */
export async function loadMasterKeyFile(path: string): Promise<MasterKey> {
  const created = await createMasterKeyFile(path);
  if (created) return created;
  await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  const { mode } = await file.stat();
  if ((mode & 0o077) !== 0)
    throw new MasterKeyRefused(
      `${path} has mode ${(mode & 0o777).toString(8)}, so others may read the master key: run "chmod 600 ${path}"`,
    );
  return parseMasterKey(await file.readFile('utf8'), path);
}

/** `undefined` if the file exists. */
async function createMasterKeyFile(path: string): Promise<MasterKey | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, 'wx', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
    throw error;
  }
  try {
    const text = randomBytes(KEY_BYTES).toString('base64');
    await file.writeFile(`${text}\n`);
    await file.sync();
    return parseMasterKey(text, path);
  } finally {
    await file.close();
  }
}
