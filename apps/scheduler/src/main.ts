import { openDatabase } from '@waybill/db';
import { createMailer } from '@waybill/notify';
import { Closing, runProgram } from '@waybill/program';
import { openQueueSystem } from '@waybill/queue';
import { createVault, parseMasterKey } from '@waybill/secrets';
import { createLogger } from '@waybill/telemetry';
import { readSchedulerConfig } from './config.js';
import { startScheduler } from './scheduler.js';

await runProgram(async () => {
  const config = readSchedulerConfig();
  const closing = new Closing();
  const log = createLogger({ name: 'scheduler', level: config.logLevel });
  const database = openDatabase({ url: config.databaseUrl, applicationName: 'waybill-scheduler' });
  closing.add('the database', () => database.close());
  const queue = await openQueueSystem(config, {
    log: (level, message, error) => log[level]({ err: error }, message),
  });
  closing.add('the queue', () => queue.close());
  const { masterKey, mail } = config;
  const vault =
    masterKey === undefined ? undefined : createVault(parseMasterKey(masterKey, 'WAYBILL_MASTER_KEY'));
  const mailer = mail && createMailer(mail);
  const scheduler = startScheduler({ database, queue, log, vault, mailer });
  closing.add('the scheduler', () => scheduler.close());
  return closing;
});
