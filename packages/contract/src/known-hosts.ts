export { HostKeyRefused } from '@waybill/domain/host-key';
export { findKnownHosts, formatKnownHost, type HostAddress } from '@waybill/domain/known-hosts';
