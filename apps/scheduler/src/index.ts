export { readMailSettings } from './config.js';
export type { Loop } from './loop.js';
export { type SchedulerParts, startScheduler } from './scheduler.js';
