import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

export type KeyType = 'ed25519' | 'ecdsa' | 'rsa';

export interface MadeKey {
  /** In OpenSSH's own format. */
  readonly privateKey: string;
  /** `ssh-ed25519 AAAA…`. */
  readonly publicKey: string;
}

/** Makes a key pair by `ssh-keygen`: `file` and `file.pub`, which must not exist. */
export async function makeKey(file: string, type: KeyType = 'ed25519', passphrase = ''): Promise<MadeKey> {
  await run('ssh-keygen', ['-q', '-t', type, '-N', passphrase, '-C', 'waybill-test', '-f', file]);
  const [privateKey, publicKey] = await Promise.all([
    readFile(file, 'utf8'),
    readFile(`${file}.pub`, 'utf8'),
  ]);
  return { privateKey, publicKey: publicKey.trim().split(' ').slice(0, 2).join(' ') };
}

/** `SHA256:…` of a public line, as `ssh-keygen -l` prints it. */
export function fingerprintOf(publicLine: string): string {
  const blob = Buffer.from(publicLine.split(' ')[1] ?? '', 'base64');
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}
