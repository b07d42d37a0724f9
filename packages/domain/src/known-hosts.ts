import { createHmac } from 'node:crypto';
import { type HostKey, HostKeyRefused, parseHostKey } from './host-key.js';

/** The address that a server is known by. */
export interface HostAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * The keys that a `known_hosts` file, or the output of `ssh-keyscan`, has for a server: in the file's order, each once.
 * Names may be plain, hashed (`ssh-keygen -H`), lists and patterns. Lines of other servers are not looked into.
 * @returns empty if the file does not name the server
 * @throws HostKeyRefused with the line's number if a line of this server is marked (`@cert-authority`, `@revoked`) or
 *   holds no key that can be read
 */
export function findKnownHosts(text: string, address: HostAddress): HostKey[] {
  const name = nameOf(address);
  const found = new Map<string, HostKey>();
  for (const [index, line] of text.split('\n').entries()) {
    const words = line.trim().split(/\s+/);
    const marker = words[0]?.startsWith('@') ? words.shift() : undefined;
    const [names = '', ...key] = words;
    if (names === '' || names.startsWith('#') || !matches(names, name)) continue;
    if (marker !== undefined)
      throw new HostKeyRefused(
        `line ${index + 1} is marked ${marker}, which is not supported; take it out, or give the key alone`,
      );
    const parsed = parseLine(key.slice(0, 2).join(' '), index + 1);
    found.set(parsed.publicKey, parsed);
  }
  return [...found.values()];
}

/** A line of `known_hosts`, with the name of the server in plain. */
export function formatKnownHost(
  address: HostAddress,
  { algorithm, publicKey }: Pick<HostKey, 'algorithm' | 'publicKey'>,
): string {
  return `${nameOf(address)} ${algorithm} ${publicKey}`;
}

function parseLine(key: string, number: number): HostKey {
  try {
    return parseHostKey(key);
  } catch (error) {
    if (!(error instanceof HostKeyRefused)) throw error;
    throw new HostKeyRefused(`line ${number}: ${error.message}`, { cause: error });
  }
}

/** As OpenSSH writes it: the port is named only where it is not 22. */
function nameOf({ host, port }: HostAddress): string {
  const name = host.toLowerCase().replace(/^\[(.*)\]$/, '$1');
  return port === 22 ? name : `[${name}]:${port}`;
}

function matches(names: string, name: string): boolean {
  if (names.startsWith('|')) return matchesHash(names, name);
  const patterns = names.toLowerCase().split(',');
  const fits = (pattern: string) => wildcards(pattern).test(name);
  const excluded = patterns.some((pattern) => pattern.startsWith('!') && fits(pattern.slice(1)));
  return !excluded && patterns.some(fits);
}

/** `|1|salt|hash`: HMAC-SHA1 of the name, as OpenSSH's hostfile.c has it. */
function matchesHash(hashed: string, name: string): boolean {
  const [, kind, salt = '', hash] = hashed.split('|');
  const computed = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest('base64');
  return kind === '1' && computed === hash;
}

/** `*` stands for any text, `?` for one character; brackets are those of `[host]:port`. */
function wildcards(pattern: string): RegExp {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`);
}
