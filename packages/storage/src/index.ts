export * from './endpoint.js';
export * from './storage-error.js';
