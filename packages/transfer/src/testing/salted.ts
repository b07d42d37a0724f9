import { createHash } from 'node:crypto';
import { StorageError } from '@waybill/storage';
import type { OpenTransforms } from '../transform-file.js';

const SALT = 4;

/**
 * Opens a transform that, like encryption, puts out other bytes each time: a salt that was never used before, and each
 * byte of the file changed by it. A file that begins with `!` is damaged, which shows at its end only.
 */
export function salting(): OpenTransforms & { opened: number } {
  let salts = 0;
  const open: OpenTransforms = async () => {
    opener.opened++;
    return {
      apply(input) {
        const hash = createHash('sha256');
        let bytes = 0;
        let ended = false;
        const body = async function* () {
          const own = ++salts;
          const salt = Buffer.alloc(SALT);
          salt.writeUInt32BE(own);
          yield salt;
          hash.update(salt);
          let damaged = false;
          for await (const chunk of input) {
            damaged ||= bytes === 0 && chunk[0] === 0x21;
            const changed = shifted(chunk, own, 1);
            bytes += chunk.length;
            hash.update(changed);
            yield changed;
          }
          if (damaged) throw new StorageError('transform-failed', 'damaged: ask the sender for it again');
          ended = true;
        };
        return {
          body: body(),
          report() {
            if (!ended) throw new Error('there is no report yet');
            return [{ kind: 'openpgp-encrypt', bytes: bytes + SALT, sha256: hash.digest('hex') }];
          },
        };
      },
    };
  };
  const opener = Object.assign(open, { opened: 0 });
  return opener;
}

/** The file that was salted. */
export function unsalted(content: Buffer | undefined): Buffer | undefined {
  return content && shifted(content.subarray(SALT), content.readUInt32BE(), -1);
}

function shifted(bytes: Uint8Array, salt: number, sign: 1 | -1): Buffer {
  return Buffer.from(bytes.map((byte) => byte + sign * salt));
}
