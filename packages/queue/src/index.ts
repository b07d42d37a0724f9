export type { Log } from './log.js';
export * from './open-queue-system.js';
export * from './run-queue.js';
export * from './settings.js';
