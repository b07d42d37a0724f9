export { EmbeddedPostgresError } from './embedded-postgres-error.js';
export * from './start.js';
