import { createCipheriv, createDecipheriv, randomFillSync } from 'node:crypto';
import type { Client } from 'ssh2';

/** What ssh2 1.17 keeps of AES-GCM where it has no native module of its own (`AESGCMCipherNative`), but does not declare. */
interface Outbound {
  readonly _encSSLName?: 'aes-128-gcm' | 'aes-256-gcm';
  readonly _encKey: Buffer;
  /** Counted up by whoever encrypts. */
  readonly _encIV: Buffer;
  readonly _onWrite: (bytes: Buffer) => void;
  readonly _dead: boolean;
  outSeqno: number;
  allocPacket(payloadBytes: number): Buffer;
  encrypt(packet: Buffer): void;
}
interface Inbound {
  readonly _decipherSSLName?: 'aes-128-gcm' | 'aes-256-gcm';
  readonly _decipherKey: Buffer;
  readonly _decipherIV: Buffer;
  /** @returns anything but undefined if another decipher has to go on: false, or where */
  readonly _onPayload: (payload: Buffer) => number | false | undefined;
  inSeqno: number;
  decrypt(data: Buffer, from: number, end: number): number | undefined;
}

/** The largest packet that ssh2 takes. */
const MAX_PACKET_BYTES = 35_000;
const LENGTH_BYTES = 4;
const TAG_BYTES = 16;
const BLOCK_BYTES = 16;

/**
 * Lets the AES-GCM of a connection (RFC 5647, as OpenSSH has it) do with one new block of memory for each packet, where
 * ssh2 takes two to four: at hundreds of MiB/s most of the time went into making and collecting them. The same bytes
 * travel. To be called after each key exchange; any other cipher stays as it is.
 */
export function leanGcm(client: Client): void {
  const { _protocol } = client as unknown as { _protocol: { _cipher: Outbound; _decipher: Inbound } };
  if (_protocol._cipher._encSSLName) leanOut(_protocol._cipher, _protocol._cipher._encSSLName);
  if (_protocol._decipher._decipherSSLName) leanIn(_protocol._decipher, _protocol._decipher._decipherSSLName);
}

/** ssh2 fills each packet and has it encrypted before it asks for the next one: one block serves them all. */
function leanOut(cipher: Outbound, algorithm: 'aes-128-gcm' | 'aes-256-gcm'): void {
  let block = Buffer.allocUnsafeSlow(MAX_PACKET_BYTES);
  const padding = new RandomBytes();
  cipher.allocPacket = (payloadBytes) => {
    // What is encrypted is a multiple of the block; the padding has four bytes at least (RFC 4253, section 6).
    const unpadded = 1 + payloadBytes;
    let padBytes = BLOCK_BYTES - (unpadded % BLOCK_BYTES);
    if (padBytes < 4) padBytes += BLOCK_BYTES;
    const length = LENGTH_BYTES + unpadded + padBytes;
    if (length > block.length) block = Buffer.allocUnsafeSlow(length);
    block.writeUInt32BE(length - LENGTH_BYTES, 0);
    block[LENGTH_BYTES] = padBytes;
    padding.copyTo(block, LENGTH_BYTES + unpadded, padBytes);
    return block.subarray(0, length);
  };
  cipher.encrypt = (packet) => {
    if (cipher._dead) return;
    const gcm = createCipheriv(algorithm, cipher._encKey, cipher._encIV);
    const length = Buffer.from(packet.subarray(0, LENGTH_BYTES));
    gcm.setAAD(length);
    cipher._onWrite(length);
    cipher._onWrite(gcm.update(packet.subarray(LENGTH_BYTES)));
    gcm.final();
    cipher._onWrite(gcm.getAuthTag());
    countUp(cipher._encIV);
    cipher.outSeqno = (cipher.outSeqno + 1) >>> 0;
  };
}

function leanIn(decipher: Inbound, algorithm: 'aes-128-gcm' | 'aes-256-gcm'): void {
  /** The beginning of a packet whose rest has not come. */
  const block = Buffer.allocUnsafeSlow(MAX_PACKET_BYTES);
  let held = 0;
  /** @returns bytes of the packet that begins at `at` and of which `have` are there */
  const sizeOf = (bytes: Buffer, at: number, have: number) =>
    have < LENGTH_BYTES ? LENGTH_BYTES : LENGTH_BYTES + lengthAt(bytes, at) + TAG_BYTES;
  const open = (packet: Buffer): Buffer => {
    const sealed = packet.subarray(LENGTH_BYTES, packet.length - TAG_BYTES);
    const gcm = createDecipheriv(algorithm, decipher._decipherKey, decipher._decipherIV);
    gcm.setAAD(packet.subarray(0, LENGTH_BYTES));
    gcm.setAuthTag(packet.subarray(packet.length - TAG_BYTES));
    const opened = gcm.update(sealed);
    gcm.final();
    countUp(decipher._decipherIV);
    decipher.inSeqno = (decipher.inSeqno + 1) >>> 0;
    return opened.subarray(1, opened.length - (opened[0] as number));
  };
  decipher.decrypt = (data, from, end) => {
    let at = from;
    while (at < end) {
      let packet: Buffer;
      const size = held > 0 ? sizeOf(block, 0, held) : sizeOf(data, at, end - at);
      if (held > 0 || size > end - at) {
        const taken = data.copy(block, held, at, Math.min(end, at + size - held));
        at += taken;
        held += taken;
        if (held < size || size === LENGTH_BYTES) continue;
        held = 0;
        packet = block.subarray(0, size);
      } else {
        packet = data.subarray(at, at + size);
        at += size;
      }
      const goOn = decipher._onPayload(open(packet));
      if (goOn !== undefined) return goOn === false ? at : goOn;
    }
    return undefined;
  };
}

/** @throws Error, as ssh2 does, which ends the connection */
function lengthAt(bytes: Buffer, at: number): number {
  const length = bytes.readUInt32BE(at);
  if (
    length + LENGTH_BYTES + TAG_BYTES > MAX_PACKET_BYTES ||
    length < BLOCK_BYTES ||
    length % BLOCK_BYTES > 0
  )
    throw new Error(`Bad packet length: ${length}`);
  return length;
}

/** The invocation counter: the last eight bytes of the nonce (RFC 5647, section 7.1). */
function countUp(nonce: Buffer): void {
  for (let i = nonce.length - 1; i >= nonce.length - 8; i--) {
    nonce[i] = ((nonce[i] as number) + 1) & 0xff;
    if (nonce[i] !== 0) return;
  }
}

/** Drawn many at a time: asking for sixteen of them costs as much as asking for thousands. */
class RandomBytes {
  readonly #drawn = Buffer.allocUnsafeSlow(16 * 1024);
  #used = this.#drawn.length;

  copyTo(target: Buffer, at: number, length: number): void {
    if (this.#used + length > this.#drawn.length) {
      randomFillSync(this.#drawn);
      this.#used = 0;
    }
    this.#drawn.copy(target, at, this.#used, this.#used + length);
    this.#used += length;
  }
}
