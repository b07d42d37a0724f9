import { openDatabase } from '@waybill/db';
import { recordService } from '@waybill/operations';
import { Closing, runProgram } from '@waybill/program';
import { openQueueSystem } from '@waybill/queue';
import { createSigner, createVault } from '@waybill/secrets';
import { createLogger } from '@waybill/telemetry';
import { readApiConfig } from './config.js';
import { startApi } from './start-api.js';
import { readVersion } from './version.js';

await runProgram(async () => {
  const { masterKey, trustedProxies, ...config } = readApiConfig();
  const closing = new Closing();
  const log = createLogger({ name: 'api', level: config.logLevel });
  const database = openDatabase({ url: config.databaseUrl, applicationName: 'waybill-api' });
  closing.add('the database', () => database.close());
  const system = await openQueueSystem(config, {
    log: (level, message, error) => log[level]({ err: error }, message),
  });
  closing.add('the queue', () => system.close());

  const context = { database, actor: { kind: 'system', name: 'api' } } as const;
  const service = { service: 'api', version: readVersion() };
  await recordService(context, 'started', service);
  closing.add('the record of the service', () => recordService(context, 'stopped', service));
  const api = await startApi(
    {
      database,
      vault: createVault(masterKey),
      signer: createSigner(masterKey),
      queue: system.queue,
      signals: system.signals,
      log,
      version: service.version,
      ...(trustedProxies === undefined ? {} : { trustedProxies }),
    },
    config,
  );
  closing.add('the API', () => api.close());
  log.info({ url: api.url }, 'listening');
  return closing;
});
