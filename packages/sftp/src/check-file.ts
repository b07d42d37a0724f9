import { string } from './wire/messages.js';

/**
 * The extension `check-file`, by name: draft-ietf-secsh-filexfer-extensions-00, section 3. That a server does not list it
 * tells nothing: ProFTPD 1.3.8 answers it in version 3 of the protocol, but does not list it there.
 */
export const CHECK_FILE_NAME = 'check-file-name';

const ALGORITHM = 'sha256';
const DIGEST_BYTES = 32;

/** @param bytes from the start of the file on; 0 for all of it */
export function checkFileRequest(path: string, bytes: number): Buffer {
  // Start offset, length, and a block size of 0: one hash of it all.
  const range = Buffer.alloc(8 + 8 + 4);
  range.writeBigUInt64BE(BigInt(bytes), 8);
  return Buffer.concat([string(path), string(ALGORITHM), range]);
}

/**
 * The draft's reply is the name of the algorithm and the hashes. Later drafts put the string `check-file` before it.
 * @returns the hash in hex; `undefined` if the reply is anything but one SHA-256
 */
export function readCheckFileReply(reply: Buffer): string | undefined {
  const plain = string(ALGORITHM);
  for (const head of [plain, Buffer.concat([string('check-file'), plain])])
    if (reply.length === head.length + DIGEST_BYTES && reply.subarray(0, head.length).equals(head))
      return reply.subarray(head.length).toString('hex');
  return undefined;
}
