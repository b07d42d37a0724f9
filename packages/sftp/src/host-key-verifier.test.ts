import { generateKeyPairSync } from 'node:crypto';
import { hostKeyFromBlob } from '@waybill/domain/host-key';
import { describe, expect, it } from 'vitest';
import { hostKeyAlgorithms, whyHostKeyRefused } from './host-key-verifier.js';

const where = 'sftp://user@sftp.example.com:22';

function ed25519Blob(): Buffer {
  const { publicKey } = generateKeyPairSync('ed25519');
  const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
  return Buffer.concat([sshString(Buffer.from('ssh-ed25519')), sshString(raw)]);
}

function sshString(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

describe('a host key', () => {
  const [one, two, three] = [ed25519Blob(), ed25519Blob(), ed25519Blob()];
  const [pinOne, pinTwo] = [hostKeyFromBlob(one), hostKeyFromBlob(two)];

  it('is trusted if it is any of the pinned ones', () => {
    expect(whyHostKeyRefused(one, [pinOne], where)).toBeUndefined();
    expect(whyHostKeyRefused(two, [pinOne, pinTwo], where)).toBeUndefined();
  });

  it('is unknown where none is pinned, and is named', () => {
    const refusal = whyHostKeyRefused(one, [], where);
    expect(refusal).toMatchObject({ code: 'host-key-unknown' });
    expect(refusal?.message).toContain(`ssh-ed25519 ${pinOne.fingerprint}`);
    expect(refusal?.message).toContain(where);
  });

  it('is a mismatch if it is none of the pinned ones, and both fingerprints are named', () => {
    const refusal = whyHostKeyRefused(three, [pinOne, pinTwo], where);
    expect(refusal).toMatchObject({ code: 'host-key-mismatch' });
    for (const key of [hostKeyFromBlob(three), pinOne, pinTwo])
      expect(refusal?.message).toContain(key.fingerprint);
  });

  it('is not trusted for its fingerprint alone, nor for a part of it', () => {
    const forged = { ...hostKeyFromBlob(three), fingerprint: pinOne.fingerprint };
    expect(whyHostKeyRefused(one, [forged], where)).toMatchObject({ code: 'host-key-mismatch' });
    expect(whyHostKeyRefused(one.subarray(0, 40), [pinOne], where)).toMatchObject({
      code: 'host-key-mismatch',
    });
  });

  it('that cannot be read is a protocol error', () => {
    for (const blob of [Buffer.alloc(0), Buffer.alloc(4), Buffer.from('garbage that is no key')])
      expect(whyHostKeyRefused(blob, [pinOne], where)).toMatchObject({ code: 'protocol-error' });
  });
});

describe('host key algorithms', () => {
  const pin = (algorithm: string) => ({ algorithm, publicKey: '', fingerprint: '' });

  it('that fit the pinned keys are asked for first', () => {
    expect(hostKeyAlgorithms([pin('ssh-rsa')]).slice(0, 2)).toEqual(['rsa-sha2-512', 'rsa-sha2-256']);
    expect(hostKeyAlgorithms([pin('ecdsa-sha2-nistp256'), pin('ssh-ed25519')]).slice(0, 2)).toEqual([
      'ecdsa-sha2-nistp256',
      'ssh-ed25519',
    ]);
  });

  it('are all asked for once, and none with SHA-1', () => {
    for (const pins of [[], [pin('ssh-rsa')], [pin('ssh-dss')]]) {
      const algorithms = hostKeyAlgorithms(pins);
      expect(new Set(algorithms).size).toBe(algorithms.length);
      expect(algorithms).toHaveLength(6);
      expect(algorithms).not.toContain('ssh-rsa');
    }
  });
});
