import { openDatabase } from '@waybill/db';
import { Closing, runProgram } from '@waybill/program';
import { openQueueSystem } from '@waybill/queue';
import { createVault } from '@waybill/secrets';
import { createLogger } from '@waybill/telemetry';
import { readWorkerConfig } from './config.js';
import { startWorker } from './worker.js';

await runProgram(async () => {
  const { masterKey, ...config } = readWorkerConfig();
  const closing = new Closing();
  const log = createLogger({ name: 'worker', level: config.logLevel });
  const database = openDatabase({ url: config.databaseUrl, applicationName: 'waybill-worker' });
  closing.add('the database', () => database.close());
  const queue = await openQueueSystem(config, {
    log: (level, message, error) => log[level]({ err: error }, message),
  });
  closing.add('the queue', () => queue.close());
  const vault = createVault(masterKey);
  const worker = await startWorker({ database, vault, queue, signals: queue.signals, log }, config);
  closing.add('the worker', () => worker.close());
  return { close: () => closing.close(), closeWithinMs: config.graceMs + 30_000 };
});
