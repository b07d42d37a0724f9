export * from './endpoint.js';
export * from './listed-name.js';
export { type LocalEndpointOptions, openLocalEndpoint } from './local-endpoint.js';
export * from './memory-endpoint.js';
export * from './network-failures.js';
export * from './storage-error.js';
export * from './turns.js';
export * from './until-aborted.js';
