import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { CIPHER, type Taken, type Task } from './task.js';

export type Peer = (task: Task) => Promise<Taken>;

export const peers: Readonly<Record<string, Peer>> = {
  waybill: (task) => nodePeer('waybill', task),
  sftp,
  rclone,
  lftp,
  'ssh2-sftp-client': (task) => nodePeer('ssh2-sftp-client', task),
};

const NODE_PEER = fileURLToPath(new URL('./node-peer.ts', import.meta.url));
/** A peer that is slower is stopped, and its figure is this bound. */
export const GIVE_UP_MS = 120_000;

async function nodePeer(name: string, task: Task): Promise<Taken> {
  const { stdout, ms } = await run(process.execPath, [
    ...process.execArgv,
    // As the product starts itself.
    ...(name === 'waybill' ? ['--single-threaded-gc'] : []),
    NODE_PEER,
    name,
    JSON.stringify(task),
  ]);
  return stdout ? (JSON.parse(stdout) as Taken) : { ms };
}

function sshOptions({ keyFile, knownHosts }: Task): string[] {
  return [
    ...[
      '-o',
      `IdentityFile=${keyFile}`,
      '-o',
      'IdentitiesOnly=yes',
      '-o',
      `UserKnownHostsFile=${knownHosts}`,
    ],
    ...['-o', 'StrictHostKeyChecking=yes', '-o', `Ciphers=${CIPHER}`, '-o', 'LogLevel=ERROR', '-F', 'none'],
  ];
}

function sftp(task: Task): Promise<Taken> {
  const verb =
    task.direction === 'pull' ? `get ${task.remote}/* ${task.local}/` : `put ${task.local}/* ${task.remote}/`;
  const where = ['-q', '-b', '-', '-P', String(task.port), `${task.username}@127.0.0.1`];
  return run('sftp', [...sshOptions(task), ...where], `${verb}\n`);
}

/** It offers no choice of cipher in this version: with OpenSSH it agrees on AES-GCM by itself. */
function rclone(task: Task): Promise<Taken> {
  const ends = [`:sftp:${task.remote}`, task.local];
  if (task.direction === 'push') ends.reverse();
  return run('rclone', [
    ...['--config', '/dev/null', '--sftp-host', '127.0.0.1', '--sftp-port', String(task.port)],
    ...['--sftp-user', task.username, '--sftp-key-file', task.keyFile],
    ...['--sftp-known-hosts-file', task.knownHosts, '--sftp-shell-type', 'none', '--sftp-disable-hashcheck'],
    ...['copy', ...ends],
  ]);
}

function lftp(task: Task): Promise<Taken> {
  const connect = ['ssh', '-a', '-x', ...sshOptions(task)].join(' ');
  const [from, to] = task.direction === 'pull' ? [task.remote, task.local] : [task.local, task.remote];
  const mirror = `mirror ${task.direction === 'push' ? '-R ' : ''}-P 8 ${from} ${to}`;
  const commands = [
    `set sftp:connect-program "${connect}"`,
    'set cmd:fail-exit yes',
    `open -u ${task.username}, -p ${task.port} sftp://127.0.0.1`,
    mirror,
    'bye',
  ];
  return run('lftp', ['--norc', '-c', commands.join('; ')]);
}

async function run(command: string, args: string[], input = ''): Promise<Taken & { stdout: string }> {
  const started = performance.now();
  const child = spawn(command, args, { stdio: 'pipe' });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (text: Buffer) => {
    stdout += text;
  });
  child.stderr.on('data', (text: Buffer) => {
    stderr += text;
  });
  child.stdin.end(input);
  const timer = setTimeout(() => child.kill('SIGKILL'), GIVE_UP_MS);
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (...ended) => resolve(ended));
  });
  clearTimeout(timer);
  const ms = performance.now() - started;
  if (signal === 'SIGKILL' && ms >= GIVE_UP_MS) return { ms, stdout: '' };
  if (code !== 0) throw new Error(`${command} ended with ${code ?? signal}: ${stderr}`);
  return { ms, stdout };
}
