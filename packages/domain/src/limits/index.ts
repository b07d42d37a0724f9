export * from './breaker.js';
export * from './limits.js';
export * from './waiting.js';
export * from './why-refused.js';
export { bandwidthAt, maintenanceEnd } from './windows.js';
