import { openDatabase } from '@waybill/db';
import { runProgram } from '@waybill/program';
import { openQueueSystem } from '@waybill/queue';
import { createSigner, createVault, parseMasterKey } from '@waybill/secrets';
import { createLogger } from '@waybill/telemetry';
import { readApiConfig } from './config.js';
import { startApi } from './start-api.js';
import { readVersion } from './version.js';

await runProgram(async () => {
  const config = readApiConfig();
  const log = createLogger({ name: 'api', level: config.logLevel });
  const masterKey = parseMasterKey(config.masterKey, 'WAYBILL_MASTER_KEY');
  const database = openDatabase({ url: config.databaseUrl, applicationName: 'waybill-api' });
  const queueSystem = await openQueueSystem(config, {
    log: (level, message, error) => log[level]({ err: error }, message),
  });
  const { queue, signals } = queueSystem;
  const { trustedProxies } = config;
  const api = await startApi(
    {
      database,
      vault: createVault(masterKey),
      signer: createSigner(masterKey),
      queue,
      signals,
      log,
      version: readVersion(),
      ...(trustedProxies === undefined ? {} : { trustedProxies }),
    },
    config,
  );
  log.info({ url: api.url }, 'listening');
  return {
    async close() {
      await api.close();
      await queueSystem.close();
      await database.close();
    },
  };
});
