export type { SftpOptions } from './options.js';
export { openSftpEndpoint } from './sftp-endpoint.js';
