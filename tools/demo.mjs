// `npm run demo [-- --once]`: a partner exchange on this machine, from nothing to receipts. Starts the service and a
// partner's SFTP server, defines a scheduled pull and a push over the REST API, runs both, and compares the files of
// both sides by itself. Stays up until Ctrl-C; with --once it ends after the exchange.
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { define, printDueTimes, reportScheduledRuns, runAll } from './demo/exchange.mjs';
import { writeSamples } from './demo/files.mjs';
import { root, runTool, SetupFailed, setUp } from './setup.mjs';

await runTool(async (args) => {
  const unknown = args.filter((arg) => arg !== '--once');
  if (unknown.length > 0)
    throw new SetupFailed(`unknown argument ${unknown.join(' ')}; the only one is --once`);
  setUp();
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => stop.abort());
  const directory = await mkdtemp(path.join(tmpdir(), 'waybill-demo-'));
  try {
    // Started by root, PostgreSQL runs as another user, who has to pass through.
    await chmod(directory, 0o711);
    await demonstrate(directory, { once: args.includes('--once'), signal: stop.signal });
    return 0;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    return 130;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

async function demonstrate(directory, { once, signal }) {
  const parts = await loadParts();
  const partnerRoot = path.join(directory, 'partner');
  const ourRoot = path.join(directory, 'ours');
  console.log('Making sample files …');
  await writeSamples(path.join(partnerRoot, 'statements'));
  await writeSamples(path.join(ourRoot, 'payments'));
  for (const empty of [path.join(partnerRoot, 'payments'), path.join(ourRoot, 'statements')])
    await mkdir(empty);

  const { publicKey, privateKey } = parts.generateKeyPair('waybill demo');
  const users = [{ username: 'waybill', publicKeys: [publicKey] }];
  const partner = await parts.startSimulator({ root: partnerRoot, users });
  try {
    console.log(
      `The partner's SFTP server listens on ${partner.host}:${partner.port}, ${partner.fingerprint}`,
    );
    await withService(directory, parts, async (service) => {
      const client = parts.createClient({ baseUrl: service.url, apiKey: service.apiKey });
      const exchanges = await define(client, { partner, partnerRoot, ourRoot, privateKey });
      const receipts = path.join(root, '.waybill/demo');
      await runAll(exchanges, { client, cli: parts, receipts, signal });
      await printDueTimes(client, parts);
      printAccess(service);
      if (!once) await stayUp(service, { client, cli: parts, partnerRoot, signal });
    });
  } finally {
    await partner.stop();
  }
}

/** What the build made; it is not there yet when this file is read. */
async function loadParts() {
  const files = [
    'packages/simulator/dist/index.js',
    'packages/contract/dist/index.js',
    'apps/cli/dist/host.js',
    ...['config', 'output', 'format', 'watch-run', 'run-observers', 'show-run'].map(
      (name) => `apps/cli/dist/${name}.js`,
    ),
  ];
  return Object.assign({}, ...(await Promise.all(files.map((file) => import(path.join(root, file))))));
}

async function withService(directory, { hostUp, readHostSettings }, work) {
  console.log('Starting Waybill on an embedded PostgreSQL …');
  const settings = readHostSettings({
    WAYBILL_LOG_LEVEL: 'warn',
    ...process.env,
    DATABASE_URL: undefined,
    REDIS_URL: undefined,
    WAYBILL_DATA_DIR: path.join(directory, 'data'),
    WAYBILL_PORT: '0',
  });
  const service = await hostUp(settings);
  try {
    await work(service);
  } finally {
    console.log('Stopping …');
    await service.close();
  }
}

function printAccess({ url, apiKey, dataDir }) {
  console.log(`
API      ${url}/api/v1 (description: ${url}/openapi.json)
API key  ${apiKey}
Try      curl -H "Authorization: Bearer ${apiKey}" ${url}/api/v1/runs
         npx waybill --data-dir ${dataDir} run list
`);
}

async function stayUp(service, { client, cli, partnerRoot, signal }) {
  const outbox = path.join(partnerRoot, 'statements');
  await writeFile(path.join(outbox, 'late statement.csv'), 'date;amount\n2026-03-02;100.00\n');
  console.log(
    `Every minute the schedule fetches what lies in ${outbox}: put a file there; one lies there now.`,
  );
  console.log('Stop by Ctrl-C.\n');
  const pause = () => sleep(2_000, undefined, { signal }).catch(() => undefined);
  const broken = service.broken.then((error) => {
    throw error;
  });
  await Promise.race([reportScheduledRuns({ client, cli, signal, pause }), broken]);
}
