import { openDatabase } from '@waybill/db';
import { runProgram } from '@waybill/program';
import { openQueueSystem } from '@waybill/queue';
import { createVault, parseMasterKey } from '@waybill/secrets';
import { createLogger } from '@waybill/telemetry';
import { readWorkerConfig } from './config.js';
import { startWorker } from './worker.js';

await runProgram(async () => {
  const config = readWorkerConfig();
  const log = createLogger({ name: 'worker', level: config.logLevel });
  const vault = createVault(parseMasterKey(config.masterKey, 'WAYBILL_MASTER_KEY'));
  const database = openDatabase({ url: config.databaseUrl, applicationName: 'waybill-worker' });
  const queue = await openQueueSystem(config, {
    log: (level, message, error) => log[level]({ err: error }, message),
  });
  const worker = await startWorker({ database, vault, queue, signals: queue.signals, log }, config);
  return {
    closeWithinMs: config.graceMs + 30_000,
    async close() {
      await worker.close();
      await queue.close();
      await database.close();
    },
  };
});
