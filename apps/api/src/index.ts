export type { ApiDeps } from './deps.js';
export { buildApi } from './server.js';
export { type RunningApi, startApi } from './start-api.js';
export { readVersion } from './version.js';
