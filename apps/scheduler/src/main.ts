import { openDatabase } from '@waybill/db';
import { runProgram } from '@waybill/program';
import { openQueueSystem } from '@waybill/queue';
import { createLogger } from '@waybill/telemetry';
import { readSchedulerConfig } from './config.js';
import { startScheduler } from './scheduler.js';

await runProgram(async () => {
  const config = readSchedulerConfig();
  const log = createLogger({ name: 'scheduler', level: config.logLevel });
  const database = openDatabase({ url: config.databaseUrl, applicationName: 'waybill-scheduler' });
  const queue = await openQueueSystem(config, {
    log: (level, message, error) => log[level]({ err: error }, message),
  });
  const scheduler = startScheduler({ database, queue, log });
  return {
    async close() {
      await scheduler.close();
      await queue.close();
      await database.close();
    },
  };
});
