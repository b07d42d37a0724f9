import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import ssh2, { type ConnectConfig, type SFTPWrapper } from 'ssh2';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { generateKeyPair, type Simulator, startSimulator } from './index.js';

const key = generateKeyPair('test account');
const password = 'correct horse';
let scratch: string;
let root: string;
let simulator: Simulator;
const clients: ssh2.Client[] = [];

beforeAll(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'waybill-simulator-'));
  await writeFile(path.join(scratch, 'id'), key.privateKey, { mode: 0o600 });
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

beforeEach(async () => {
  root = await mkdtemp(path.join(scratch, 'root-'));
  simulator = await startSimulator({
    root,
    users: [{ username: 'acme', password, publicKeys: [key.publicKey] }],
  });
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.end();
  await simulator.stop();
});

function connect(credential: Partial<ConnectConfig>): Promise<ssh2.Client> {
  const client = new ssh2.Client();
  clients.push(client);
  return new Promise((resolve, reject) => {
    client.on('ready', () => resolve(client)).on('error', reject);
    client.connect({
      host: simulator.host,
      port: simulator.port,
      username: 'acme',
      hostVerifier: (blob: Buffer) => blob.toString('base64') === simulator.hostKey.split(' ')[1],
      ...credential,
    });
  });
}

async function openSftp(): Promise<SFTPWrapper> {
  const client = await connect({ privateKey: key.privateKey });
  return promisify(
    client.sftp.bind(client) as (done: (e: Error | undefined, s: SFTPWrapper) => void) => void,
  )();
}

/** The `sftp` program of OpenSSH, which knows the host by its key. */
async function opensshSftp(commands: string[]): Promise<string> {
  const knownHosts = path.join(scratch, 'known_hosts');
  const batch = path.join(scratch, 'batch');
  await writeFile(knownHosts, `[${simulator.host}]:${simulator.port} ${simulator.hostKey}\n`);
  await writeFile(batch, `${commands.join('\n')}\n`);
  const options = [`UserKnownHostsFile=${knownHosts}`, 'StrictHostKeyChecking=yes', 'IdentitiesOnly=yes'];
  const { stdout } = await promisify(execFile)('sftp', [
    ...['-F', '/dev/null', '-b', batch, '-i', path.join(scratch, 'id'), '-P', `${simulator.port}`],
    ...options.flatMap((option) => ['-o', option]),
    `acme@${simulator.host}`,
  ]);
  return stdout;
}

describe('logging in', () => {
  it('accepts the password, the key, and the password as answer to a prompt', async () => {
    await connect({ password });
    await connect({ privateKey: key.privateKey });
    const client = new ssh2.Client();
    clients.push(client);
    client.on('keyboard-interactive', (_name, _instructions, _language, _prompts, answer) =>
      answer([password]),
    );
    await new Promise((resolve, reject) => {
      client.on('ready', () => resolve(undefined)).on('error', reject);
      client.connect({ host: simulator.host, port: simulator.port, username: 'acme', tryKeyboard: true });
    });

    expect(simulator.authAttempts).toEqual([
      { username: 'acme', method: 'password', accepted: true },
      { username: 'acme', method: 'publickey', accepted: true },
      { username: 'acme', method: 'keyboard-interactive', accepted: true },
    ]);
    expect(simulator.connections).toBe(3);
  });

  it('refuses a wrong password, a foreign key and an unknown account, and counts each', async () => {
    await expect(connect({ password: 'wrong' })).rejects.toThrow(/authentication methods failed/);
    const foreign = generateKeyPair('somebody else');
    await expect(connect({ privateKey: foreign.privateKey })).rejects.toThrow(
      /authentication methods failed/,
    );
    await expect(connect({ username: 'nobody', password })).rejects.toThrow(/authentication methods failed/);

    expect(simulator.authAttempts.every(({ accepted }) => !accepted)).toBe(true);
    expect(simulator.authAttempts.map(({ username, method }) => `${username} ${method}`)).toEqual([
      'acme password',
      'acme publickey',
      'nobody password',
    ]);
  });

  it('shows the same host key after a restart with the same private key', async () => {
    const host = generateKeyPair('host');
    const first = await startSimulator({ root, users: [], hostKey: host.privateKey });
    await first.stop();
    const second = await startSimulator({ root, users: [], hostKey: host.privateKey });
    await second.stop();
    expect(second.fingerprint).toMatch(/^SHA256:/);
    expect(second.fingerprint).toBe(first.fingerprint);
    expect(host.publicKey.startsWith(first.hostKey)).toBe(true);
  });
});

describe('files', () => {
  it('serves OpenSSH’s sftp: put, list, rename, get, remove', async () => {
    const bytes = randomBytes(3 * 1024 * 1024 + 17);
    await writeFile(path.join(scratch, 'sent'), bytes);

    const listing = await opensshSftp([
      'mkdir in',
      `put -p ${path.join(scratch, 'sent')} "in/ein Name – ü.bin"`,
      'rename "in/ein Name – ü.bin" in/two.bin',
      'ls -l in',
      `get in/two.bin ${path.join(scratch, 'received')}`,
      'rm in/two.bin',
      'rmdir in',
    ]);

    expect(listing).toMatch(/3145745 .*two\.bin/);
    expect((await readFile(path.join(scratch, 'received'))).equals(bytes)).toBe(true);
    expect(await readdir(root)).toEqual([]);
  });

  it('lists a directory of more entries than one answer holds', async () => {
    const names = Array.from({ length: 250 }, (_, i) => `file-${String(i).padStart(3, '0')}`);
    await Promise.all(names.map((name) => writeFile(path.join(root, name), name)));
    const sftp = await openSftp();

    const entries = await promisify(sftp.readdir.bind(sftp) as Readdir)('.');

    expect(entries.map(({ filename }) => filename).sort()).toEqual(names);
  });

  it('renames without replacing in version 3, and with replacing by posix-rename', async () => {
    await writeFile(path.join(root, 'new'), 'new');
    await writeFile(path.join(root, 'old'), 'old');
    const sftp = await openSftp();

    await expect(promisify(sftp.rename.bind(sftp))('new', 'old')).rejects.toThrow(/EEXIST/);
    expect(await readFile(path.join(root, 'old'), 'utf8')).toBe('old');
    await promisify(sftp.ext_openssh_rename.bind(sftp))('new', 'old');

    expect(await readFile(path.join(root, 'old'), 'utf8')).toBe('new');
    expect(await readdir(root)).toEqual(['old']);
  });

  it('writes at offsets, syncs, sets attributes, and reads up to the end', async () => {
    const sftp = await openSftp();
    const handle = await promisify(sftp.open.bind(sftp) as Open)('file', 'wx');
    await promisify(sftp.write.bind(sftp) as Write)(handle, Buffer.from('world'), 0, 5, 6);
    await promisify(sftp.write.bind(sftp) as Write)(handle, Buffer.from('hello '), 0, 6, 0);
    await promisify(sftp.ext_openssh_fsync.bind(sftp))(handle);
    await promisify(sftp.fsetstat.bind(sftp) as Fsetstat)(handle, { atime: 1e9, mtime: 1e9, mode: 0o640 });
    await promisify(sftp.close.bind(sftp))(handle);

    const { size, mtime, mode } = await stat(path.join(root, 'file'));
    expect({ size, mtime: +mtime, mode: mode & 0o777 }).toEqual({ size: 11, mtime: 1e12, mode: 0o640 });
    const again = promisify(sftp.open.bind(sftp) as Open)('file', 'wx');
    await expect(again).rejects.toThrow(/EEXIST/);
    expect((await promisify(sftp.readFile.bind(sftp) as ReadFile)('file')).toString()).toBe('hello world');
  });

  it('says that a file is missing with the code of the protocol', async () => {
    const sftp = await openSftp();
    await expect(promisify(sftp.stat.bind(sftp))('missing')).rejects.toMatchObject({ code: 2 });
  });

  it('keeps clients inside the root: neither ".." nor a symbolic link leads out', async () => {
    const secret = path.join(scratch, 'secret');
    await writeFile(secret, 'secret');
    await symlink(secret, path.join(root, 'link'));
    await symlink(scratch, path.join(root, 'directory'));
    const sftp = await openSftp();

    await expect(promisify(sftp.open.bind(sftp) as Open)('link', 'r')).rejects.toMatchObject({ code: 3 });
    await expect(promisify(sftp.stat.bind(sftp))('directory/secret')).rejects.toMatchObject({ code: 3 });
    await expect(promisify(sftp.stat.bind(sftp))('../secret')).rejects.toMatchObject({ code: 2 });
    expect(await promisify(sftp.realpath.bind(sftp))('../../etc')).toBe('/etc');
  });

  it('stops with connections open, and frees the port', async () => {
    const sftp = await openSftp();
    await promisify(sftp.open.bind(sftp) as Open)('file', 'w');
    await simulator.stop();
    await expect(connect({ password })).rejects.toThrow(/ECONNREFUSED/);
    expect(simulator.connections).toBe(0);
  });
});

// promisify picks the last overload of ssh2's methods, which is the one without the arguments used here.
type Done<T> = (error: Error | undefined, result: T) => void;
type Open = (name: string, flags: ssh2.OpenMode, done: Done<Buffer>) => void;
type Write = (
  handle: Buffer,
  data: Buffer,
  at: number,
  length: number,
  position: number,
  done: Done<void>,
) => void;
type Fsetstat = (handle: Buffer, attributes: ssh2.InputAttributes, done: Done<void>) => void;
type Readdir = (name: string, done: Done<ssh2.FileEntry[]>) => void;
type ReadFile = (name: string, done: Done<Buffer>) => void;
