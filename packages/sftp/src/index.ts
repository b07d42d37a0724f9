export type { SftpOptions } from './options.js';
export { type ProbedAddress, probeHostKey } from './probe-host-key.js';
export { openSftpEndpoint } from './sftp-endpoint.js';
