export type { S3Options } from './options.js';
export { openS3Endpoint } from './s3-endpoint.js';
