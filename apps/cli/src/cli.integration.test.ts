import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { parsePath } from '@waybill/domain';
import { generateKeyPair, type Simulator, startSimulator } from '@waybill/simulator';
import { createTestDatabase } from '@waybill/testkit';
import { startGnupg } from '@waybill/testkit/gnupg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startBucket } from '../../../packages/s3/src/testing/bucket.js';
import { readConfig } from './config.js';
import { type Host, hostUp, readHostSettings } from './host.js';
import { runCommand } from './main.js';

let scratch: string;
let host: Host;
let partner: Simulator;
const account = generateKeyPair('waybill');

beforeAll(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'waybill-cli-'));
  await mkdir(path.join(scratch, 'partner/out'), { recursive: true });
  await mkdir(path.join(scratch, 'ours'));
  partner = await startSimulator({
    root: path.join(scratch, 'partner'),
    users: [{ username: 'me', publicKeys: [account.publicKey] }],
  });
  const { url } = await createTestDatabase();
  const WAYBILL_DATA_DIR = path.join(scratch, 'data');
  host = await hostUp(
    readHostSettings({ DATABASE_URL: url, WAYBILL_DATA_DIR, WAYBILL_PORT: '0', WAYBILL_LOG_LEVEL: 'silent' }),
  );
});
afterAll(async () => {
  await host?.close();
  await partner?.stop();
  await rm(scratch, { recursive: true, force: true });
});

async function waybill(args: string[], input = '') {
  const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
  streams.stdin.end(input);
  const config = readConfig({ WAYBILL_DATA_DIR: host.dataDir });
  const exitCode = await runCommand(args, config, streams, new AbortController().signal);
  streams.stdout.end();
  streams.stderr.end();
  return { exitCode, stdout: await text(streams.stdout), stderr: await text(streams.stderr) };
}

it('takes an operator from nothing to a verified delivery', async () => {
  await writeFile(path.join(scratch, 'partner/out/statement 1.csv'), 'a;b;c\n');
  const { port } = partner;
  const commands: [string[], string?][] = [
    [['partner', 'add', 'acme', '--title', 'ACME Corp.']],
    [
      [
        'endpoint',
        'add',
        'acme-sftp',
        '--partner',
        'acme',
        '--host',
        '127.0.0.1',
        '--port',
        `${port}`,
        '--username',
        'me',
      ],
    ],
    [['endpoint', 'trust', 'acme-sftp', '--key-file', '-'], `# from ssh-keyscan\n${partner.hostKey}\n`],
    [['endpoint', 'credential', 'acme-sftp', '--kind', 'private-key'], account.privateKey],
    [['endpoint', 'add', 'inbox', '--local', path.join(scratch, 'ours')]],
    [['transfer', 'add', 'acme-in', '--from', 'acme-sftp:out', '--to', 'inbox:', '--read-back']],
  ];
  for (const [args, input] of commands) expect(await waybill(args, input)).toMatchObject({ exitCode: 0 });

  const run = await waybill(['transfer', 'run', 'acme-in', '--wait', '--json']);
  expect(run.stderr).toMatch(/succeeded: 1 delivered/);
  expect(run.exitCode).toBe(0);
  const { id, state } = JSON.parse(run.stdout);
  expect(state).toBe('succeeded');

  const shown = await waybill(['run', 'show', id]);
  expect(shown.stdout).toMatch(/statement 1\.csv +6 B +delivered +read-back/);
  expect((await waybill(['audit', 'verify'])).stdout).toMatch(/^The chain is intact/);
});

it('has a transfer that takes new files only deliver again what it is made to forget', async () => {
  const file = path.join(scratch, 'new-files.json');
  await mkdir(path.join(scratch, 'partner/news'));
  await writeFile(path.join(scratch, 'partner/news/a.csv'), 'a;b;c\n');
  const source = {
    ...{ endpointId: 'acme-sftp', directory: 'news', include: ['*.csv'] },
    selection: { onlyNew: true, settleMs: 0 },
  };
  const target = { endpointId: 'inbox', directory: 'news' };
  await writeFile(file, JSON.stringify({ name: 'news', definition: { source, target } }));
  const added = await waybill(['transfer', 'add', '--file', file]);
  expect(added).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('"onlyNew":true') });

  const delivered = async () => {
    const { stdout } = await waybill(['transfer', 'run', 'news', '--wait', '--json']);
    return JSON.parse(stdout).files.delivered;
  };
  expect(await delivered()).toBe(1);
  expect(await delivered()).toBe(0);
  const forgotten = await waybill(['transfer', 'forget', 'news', '--path', 'news/*.csv']);
  expect(forgotten).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^Files forgotten +1\n$/) });
  expect(await delivered()).toBe(1);
  expect(await waybill(['transfer', 'forget', 'news'])).toMatchObject({
    ...{ exitCode: 2, stderr: expect.stringContaining('--path') },
  });
  const audit = await waybill(['audit', 'list', '--type', 'transfer.files-forgotten']);
  expect(audit.stdout).toContain('had transfer news forget 1 delivered file(s) at news/*.csv');
});

it('limits an endpoint, says why a run waits, and lets it go on', async () => {
  const file = path.join(scratch, 'limits.json');
  const startsAt = '2020-01-01T00:00:00Z';
  const limits = {
    bandwidth: [{ bytesPerSecond: 1_048_576, from: '08:00', to: '18:00', zone: 'Europe/Berlin' }],
    maintenance: [{ startsAt, endsAt: '2999-01-01T00:00:00Z' }],
  };
  await writeFile(file, JSON.stringify(limits));
  const update = ['endpoint', 'update', 'acme-sftp'];
  const { stdout } = await waybill([...update, '--limits-file', file, '--max-runs', '2']);
  expect(stdout).toMatch(/Runs at once +2\n/);
  expect(stdout).toMatch(/Bandwidth +1\.00 MiB\/s 08:00-18:00 Europe\/Berlin\n/);
  expect(stdout).toMatch(/Maintenance +2020-01-01T00:00:00Z to 2999-01-01T00:00:00Z\n/);

  const { id } = JSON.parse((await waybill(['transfer', 'run', 'acme-in', '--json'])).stdout);
  await expect
    .poll(async () => (await waybill(['run', 'show', id])).stdout, { timeout: 10_000 })
    .toMatch(/Waits because +endpoint acme-sftp is in maintenance until 2999/);
  await writeFile(file, '[]');
  expect((await waybill([...update, '--limits-file', file])).exitCode).toBe(2);
  await writeFile(file, '{}');
  await waybill([...update, '--limits-file', file]);
  expect((await waybill(['run', 'watch', id])).exitCode).toBe(0);
  const shown = await waybill(['endpoint', 'resume', 'acme-sftp']);
  expect(shown).toMatchObject({ exitCode: 0, stdout: expect.not.stringContaining('Breaker') });
});

it('shows what a run would do before it does it, and why it leaves a file', async () => {
  await mkdir(path.join(scratch, 'partner/plan'));
  await writeFile(path.join(scratch, 'partner/plan/a.csv'), 'a;b;c\n');
  await writeFile(path.join(scratch, 'partner/plan/notes.txt'), 'n\n');
  const add = ['transfer', 'add', 'planned', '--from', 'acme-sftp:plan', '--to', 'inbox:plan'];
  await waybill([...add, '--include', '*.csv', '--target-name', 'new_{name}']);

  const dry = await waybill(['transfer', 'dry-run', 'planned']);
  expect(dry).toMatchObject({ exitCode: 0, stderr: 'waiting for a worker of pool default\n' });
  expect(dry.stdout).toMatch(/Would move +1 file, 6 B\n/);
  expect(dry.stdout).toMatch(/move +plan\/a\.csv +6 B +plan\/new_a\.csv +every rule is met/);
  expect(dry.stdout).toMatch(/leave +plan\/notes\.txt +2 B +no pattern includes its name: \*\.csv/);
  const { stdout } = await waybill(['transfer', 'dry-run', 'planned', '--json']);
  expect(JSON.parse(stdout)).toMatchObject({
    state: 'succeeded',
    report: { counts: { move: { files: 1 } } },
  });

  const explained = await waybill(['explain', 'acme-sftp:plan/notes.txt']);
  expect(explained.exitCode).toBe(0);
  expect(explained.stdout).toMatch(/Is its name meant\? +no +no pattern includes its name: \*\.csv/);
  const named = await waybill(['explain', 'acme-sftp:plan/a.csv', '--transfer', 'planned', '--json']);
  expect(JSON.parse(named.stdout).report.transfers).toMatchObject([{ file: { decision: 'move' } }]);
  expect(await waybill(['explain', 'plan/a.csv'])).toMatchObject({ exitCode: 2 });
  const nobody = await waybill(['explain', 'acme-sftp:other/a.csv']);
  expect(nobody).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('no transfer reads') });

  await rm(path.join(scratch, 'partner/plan'), { recursive: true });
  const gone = await waybill(['transfer', 'dry-run', 'planned']);
  expect(gone).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('would not succeed now') });
});

it('moves files into a bucket, and warns that plain http is for all to read', async () => {
  await using bucket = await startBucket();
  const { url, accessKeyId, secretAccessKey } = bucket.server;
  await writeFile(path.join(scratch, 'ours/report.csv'), 'd;e;f\n');
  const add = ['endpoint', 'add', 'shared', '--bucket', bucket.name, '--root', 'exchange', '--path-style'];

  const refused = await waybill([...add, '--s3-url', url]);
  expect([refused.exitCode, refused.stderr]).toEqual([2, expect.stringContaining('plain http')]);
  const added = await waybill([...add, '--s3-url', url, '--allow-plain-http']);
  expect(added.stdout).toContain(`s3://files/exchange at ${url}`);
  expect(added.stderr).toMatch(/Warning: .* is plain http/);
  const key = ['--kind', 'access-key', '--access-key-id', accessKeyId];
  const commands: [string[], string?][] = [
    [['endpoint', 'credential', 'shared', ...key], `${secretAccessKey}\n`],
    [['transfer', 'add', 'to-shared', '--from', 'inbox:', '--include', '*.csv', '--to', 'shared:daily']],
  ];
  for (const [args, input] of commands)
    expect(await waybill(args, input)).toMatchObject({ exitCode: 0, stderr: '' });

  const run = await waybill(['transfer', 'run', 'to-shared', '--wait']);
  expect(run).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('succeeded') });
  await using endpoint = await bucket.open({ root: 'exchange/daily' });
  const { signal } = new AbortController();
  expect(await endpoint.stat(parsePath('report.csv'), { signal })).toMatchObject({ size: 6 });
});

it('imports OpenPGP keys, and encrypts and signs with them', async () => {
  await using gpg = await startGnupg();
  const make = ['--quick-generate-key', 'Ours <files@us.example>', 'future-default', 'default', 'never'];
  await gpg.run(['--passphrase', 'correct horse', ...make]);
  const secret = ['--passphrase', 'correct horse', '--armor', '--export-secret-keys'];
  const privateKey = (await gpg.run(secret)).toString();
  await gpg.run([
    '--passphrase',
    '',
    '--quick-generate-key',
    'Acme <in@acme.example>',
    'future-default',
    'default',
  ]);
  const acme = (await gpg.run(['--armor', '--export', 'Acme'])).toString();
  const passphraseFile = path.join(scratch, 'passphrase');
  await writeFile(passphraseFile, 'wrong');
  const importOurs = ['openpgp-key', 'import', 'ours', '--passphrase-file', passphraseFile];
  expect(await waybill(importOurs, privateKey)).toMatchObject({
    ...{ exitCode: 2, stderr: expect.stringContaining('does not open with this passphrase') },
  });
  await writeFile(passphraseFile, 'correct horse\n');
  const imported = await waybill(importOurs, privateKey);
  expect(imported.stdout).toMatch(/Used to +encrypt, decrypt, verify, sign/);
  expect((await waybill(['openpgp-key', 'import', 'acme'], acme)).exitCode).toBe(0);
  expect((await waybill(['openpgp-key', 'list'])).stdout).toMatch(
    /acme +[0-9A-F]{40} +encrypt, verify +\S+ \S+ +Acme <in@acme.example>/,
  );
  const asking = await waybill(['openpgp-key', 'import', 'x', '--passphrase'], acme);
  expect(asking).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('--passphrase-file') });
  const exported = await waybill(['openpgp-key', 'export', 'ours']);
  expect(exported.stdout).toMatch(/^-----BEGIN PGP PUBLIC KEY BLOCK-----/);
  expect(exported.stdout).not.toContain('PRIVATE');

  await mkdir(path.join(scratch, 'ours/secret'));
  await mkdir(path.join(scratch, 'partner/secret'));
  await writeFile(path.join(scratch, 'ours/secret/pay.csv'), 'a;b;c\n');
  const file = path.join(scratch, 'encrypted.json');
  const definition = {
    source: { endpointId: 'inbox', directory: 'secret' },
    target: {
      ...{ endpointId: 'acme-sftp', directory: 'secret' },
      checksumFile: { name: '{name}.sha1', algorithm: 'sha1', format: 'bsd' },
    },
    transforms: [{ kind: 'openpgp-encrypt', recipients: ['acme'], signWith: 'ours', armor: true }],
  };
  await writeFile(file, JSON.stringify({ name: 'encrypted', definition }));
  const added = await waybill(['transfer', 'add', '--file', file]);
  expect(added.stdout).toMatch(/Transforms +\[.*"openpgp-encrypt"/);
  expect(added.stdout).toMatch(/Checksum files at the target +\{name\}\.sha1 \(sha1, bsd\)/);
  const run = await waybill(['transfer', 'run', 'encrypted', '--wait', '--json']);
  expect(run.exitCode).toBe(0);
  const arrived = await readFile(path.join(scratch, 'partner/secret/pay.csv.asc'));
  const decrypted = await gpg.run(['--passphrase', '', '--decrypt'], arrived);
  expect(decrypted.toString()).toBe('a;b;c\n');
  const checksum = await readFile(path.join(scratch, 'partner/secret/pay.csv.asc.sha1'), 'utf8');
  expect(checksum).toMatch(/^SHA1 \(pay\.csv\.asc\) = [0-9a-f]{40}\n$/);
  const { id } = JSON.parse(run.stdout);
  for (const what of ['show', 'deliveries', 'receipt'])
    expect((await waybill(['run', what, id])).stdout).toMatch(/6 B, SHA-256 [0-9a-f]{64}: openpgp-encrypt/);

  const refused = await waybill(['openpgp-key', 'remove', 'acme']);
  expect(refused).toMatchObject({ exitCode: 7, stderr: expect.stringContaining('transforms of encrypted') });
});

it('brings a revoked host key back only by its fingerprint', async () => {
  const trust = ['endpoint', 'trust', 'acme-sftp'];
  expect((await waybill(['endpoint', 'distrust', 'acme-sftp', partner.fingerprint])).exitCode).toBe(0);

  const scanned = await waybill([...trust, '--key-file', '-'], `${partner.hostKey}\n`);
  expect(scanned.exitCode).toBe(7);
  expect(scanned.stderr).toContain(
    `on record as revoked. To trust it again: waybill ${trust.join(' ')} --fi`,
  );

  const again = await waybill([...trust, '--fingerprint', partner.fingerprint]);
  expect(again.stdout).toMatch(/ active /);
  expect((await waybill([...trust, '--key', partner.hostKey])).exitCode).toBe(0);
});

it('reads the host keys of an endpoint from known_hosts, and writes them so', async () => {
  const written = await waybill(['endpoint', 'host-keys', 'acme-sftp', '--known-hosts']);
  const { port } = new URL(`ssh://${written.stdout.split(' ')[0]?.replace(/[[\]]/g, '')}`);
  expect(written.stdout).toBe(`[127.0.0.1]:${port} ${partner.hostKey}\n`);

  const trust = ['endpoint', 'trust', 'acme-sftp', '--known-hosts', '-'];
  const read = await waybill(trust, `elsewhere.example nonsense\n${written.stdout}`);
  expect(read).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(partner.fingerprint) });

  const none = await waybill(trust, 'elsewhere.example nonsense\n');
  expect(none.exitCode).toBe(2);
  expect(none.stderr).toContain(`- has no key of 127.0.0.1, port ${port}`);
  const marked = await waybill(trust, `@revoked ${written.stdout}`);
  expect(marked.exitCode).toBe(2);
  expect(marked.stderr).toContain('line 1 is marked @revoked');
  expect((await waybill(['endpoint', 'trust', 'inbox', '--known-hosts', '-'], '')).stderr).toContain(
    'of kind local',
  );
});

it('says once what is wrong with a request', async () => {
  const { stderr } = await waybill(['run', 'list', '--since', 'yesterday']);
  expect(stderr).toBe(`Error: The request is not valid (invalid-request)
since: write a time with offset or Z, such as 2026-03-01T06:00:00Z
`);
});

it.each([
  [['partner', 'show', 'nobody'], 3, /There is no partner "nobody"/],
  [['partner', 'add', 'acme'], 7, /conflict/],
  [['partner', 'add', 'NOT A NAME'], 2, /\/name: /],
])('tells by the exit code why the service said no: %j', async (args, exitCode, message) => {
  const result = await waybill(args);
  expect({ exitCode: result.exitCode, stdout: result.stdout }).toEqual({ exitCode, stdout: '' });
  expect(result.stderr).toMatch(message);
});

it('ends with 4 if the key is wrong', async () => {
  const file = path.join(scratch, 'wrong-key');
  await writeFile(file, 'wb_00000000_wrong');
  const result = await waybill(['partner', 'list', '--api-key-file', file]);
  expect(result.exitCode).toBe(4);
  expect(result.stderr).toContain('WAYBILL_API_KEY');
});

it('defines calendars, and shows what a schedule does by them before and after', async () => {
  const file = path.join(scratch, 'holidays.ics');
  const event = ['BEGIN:VEVENT', 'DTSTART;VALUE=DATE:20261225', 'SUMMARY:Christmas Day', 'END:VEVENT'];
  await writeFile(file, ['BEGIN:VCALENDAR', ...event, 'END:VCALENDAR', ''].join('\r\n'));
  for (const args of [
    ['endpoint', 'add', 'there', '--host', '127.0.0.1', '--username', 'me'],
    ['endpoint', 'add', 'here', '--local', path.join(scratch, 'ours')],
    ['transfer', 'add', 'evening', '--from', 'there:out', '--to', 'here:'],
    ['calendar', 'create', 'bank-de', '--weekend', 'sat,sun', '--holiday', '2026-12-24=Christmas Eve'],
    ['calendar', 'import', 'bank-de', file],
  ])
    expect(await waybill(args)).toMatchObject({ exitCode: 0 });
  expect((await waybill(['calendar', 'show', 'bank-de'])).stdout).toMatch(/2026-12-25 +Christmas Day/);
  expect((await waybill(['calendar', 'list'])).stdout).toMatch(/bank-de +sat, sun +1 +2026-12-25/);

  const rule = ['--cron', '59 23 * * *', '--time-zone', 'Europe/Berlin', '--calendar', 'bank-de'];
  const asked = [...rule, '--count', '2', '--from', '2026-12-24T00:00:00Z'];
  const preview = await waybill(['schedule', 'preview', ...asked]);
  expect(preview.stdout).toMatch(/2026-12-24 22:59:00Z +Thursday, 24 December 2026 at 23:59 +planned/);
  expect(preview.stdout).toMatch(
    /skipped +2026-12-25 \(Christmas Day\) is no business day of calendar bank-de/,
  );

  const options = ['--transfer', 'evening', '--jitter', '60', '--overlap', 'skip', '--catch-up-within', '90'];
  const added = await waybill(['schedule', 'add', 'evenings', ...options, ...rule, '--disabled']);
  expect(added.stdout).toMatch(/Calendar +bank-de, only-business-days/);
  expect(added.stdout).toMatch(/Missed times +latest, up to 90 min late/);
  const stored = await waybill(['schedule', 'preview', 'evenings', ...asked.slice(-4)]);
  expect(stored.stdout).toBe(preview.stdout);
  const paused = await waybill(['schedule', 'pause', 'evenings', '--until', '2099-01-01T00:00:00Z']);
  expect(paused.stdout).toMatch(/Paused until +2099-01-01/);
  expect((await waybill(['schedule', 'resume', 'evenings'])).stdout).not.toContain('Paused');
  const freed = await waybill(['schedule', 'update', 'evenings', '--no-calendar', '--no-catch-up-within']);
  expect(freed.stdout).not.toMatch(/Calendar|min late/);

  const run = await waybill(['schedule', 'run', 'evenings', '--for', '2026-11-20']);
  expect(run.stdout).toMatch(/2026-11-20 22:59:00Z/);
  expect(await waybill(['schedule', 'run', 'evenings', '--for', '2026-11-20', '--json'])).toMatchObject({
    ...{ exitCode: 0, stdout: expect.stringContaining(run.stdout.split('\n')[1]?.split(' ')[0] ?? 'no run') },
  });
  expect((await waybill(['schedule', 'occurrences', 'evenings'])).stdout).toMatch(/fired .* run on request/);
  expect(await waybill(['schedule', 'preview'])).toMatchObject({ exitCode: 2 });
  expect(await waybill(['schedule', 'update', 'evenings', '--overlap', 'parallel'])).toMatchObject({
    ...{ exitCode: 2, stderr: expect.stringContaining('would move them twice') },
  });
  expect(await waybill(['calendar', 'remove', 'bank-de'])).toMatchObject({ exitCode: 0 });
});

it('shows what a transfer waits for, and which files were not acknowledged yet', async () => {
  for (const side of ['ours', 'partner']) await mkdir(path.join(scratch, side, 'answered'));
  await writeFile(path.join(scratch, 'ours/answered/pay.csv'), 'a;b;c\n');
  const file = path.join(scratch, 'answered.json');
  const acknowledgement = { name: '{name}.ack', refusalName: '{name}.err', timeoutMs: 3_600_000 };
  const definition = {
    source: { endpointId: 'inbox', directory: 'answered' },
    target: { endpointId: 'acme-sftp', directory: 'answered', acknowledgement },
  };
  await writeFile(file, JSON.stringify({ name: 'answered', definition }));
  const added = await waybill(['transfer', 'add', '--file', file]);
  expect(added.stdout).toMatch(
    /Acknowledgement +\{name\}\.ack, refused by \{name\}\.err within 1 h 0 min; keep it/,
  );
  const { id } = JSON.parse((await waybill(['transfer', 'run', 'answered', '--json'])).stdout);
  const deliveries = async () => (await waybill(['run', 'deliveries', id])).stdout;
  await expect.poll(deliveries, { timeout: 30_000 }).toMatch(/pay\.csv +6 B +delivered .* not yet/);
  expect((await waybill(['run', 'cancel', id])).stdout).toMatch(/State +cancelled/);
});
