import { expect, it } from 'vitest';
import { requiredProof, whyProofRefused } from './assurance.js';
import type { SftpSettings } from './endpoint.js';

const sftp: SftpSettings = {
  ...{ kind: 'sftp', host: 'acme', port: 22, username: 'waybill', root: '.' },
  ...{ connectTimeoutMs: 1, operationTimeoutMs: 1, keepaliveMs: 1 },
};
const local = { kind: 'local', root: '/srv' } as const;

it('what the endpoint requires counts where the transfer asks for nothing, else what the transfer asks for', () => {
  expect(requiredProof(sftp, undefined)).toBe('size');
  expect(requiredProof({ ...sftp, minimumAssurance: 'none' }, undefined)).toBe('none');
  expect(requiredProof({ ...sftp, minimumAssurance: 'read-back' }, undefined)).toBe('read-back');
  expect(requiredProof(sftp, 'remote-hash')).toBe('remote-hash');
});

it('a transfer may ask for more than the endpoint requires, never for less', () => {
  const strict = { ...sftp, minimumAssurance: 'read-back' } as const;
  expect(whyProofRefused(strict, 'remote-hash')).toBeUndefined();
  expect(whyProofRefused(strict, 'read-back')).toBeUndefined();
  expect(whyProofRefused(strict, 'size')).toMatch(/"size" is less than the endpoint requires, "read-back"/);
  expect(whyProofRefused(sftp, 'none')).toMatch(/"none" is less than the endpoint requires, "size"/);
});

it('a hash of the other side is refused where there is nobody to tell one', () => {
  expect(whyProofRefused(local, 'remote-hash')).toMatch(/a local endpoint has nobody else/);
  expect(whyProofRefused({ ...local, minimumAssurance: 'remote-hash' })).toMatch(/a local endpoint/);
  expect(whyProofRefused({ ...sftp, remoteHash: 'off' }, 'remote-hash')).toMatch(/remoteHash .* is "off"/);
  expect(whyProofRefused({ ...sftp, remoteHash: 'off' }, 'read-back')).toBeUndefined();
});
