export type { Account, JumpRoute, ProxyRoute, Route, SftpOptions } from './options.js';
export { probeEndpoint } from './probe/probe-endpoint.js';
export { type ProbedAddress, probeHostKey } from './probe-host-key.js';
export { openSftpEndpoint } from './sftp-endpoint.js';
