export { readWorkerOptions } from './config.js';
export { type RunningWorker, startWorker, type WorkerOptions, type WorkerParts } from './worker.js';
