import { crc32, deflateRawSync } from 'node:zlib';
import { le16, le32, signatures } from '../zip-format.js';

export interface EntryToMake {
  readonly name: string;
  readonly content?: string;
  readonly method?: number;
  readonly flags?: number;
  /** What the directory calls it, if not the same. */
  readonly listedAs?: string;
  readonly listed?: boolean;
}

const stored = 0;

/** An archive as an attacker may write it: nothing is checked. Sizes stand in the local headers. */
export function makeZip(entries: readonly EntryToMake[]): Buffer {
  let offset = 0;
  const locals: Buffer[] = [];
  const listed: Buffer[] = [];
  for (const entry of entries) {
    const { name, content = 'content', method = 8, flags = 0x800, listedAs = name } = entry;
    const plain = Buffer.from(content);
    const data = method === stored ? plain : deflateRawSync(plain);
    const sizes = [le32(crc32(plain)), le32(data.length), le32(plain.length)];
    const shared = (called: string) =>
      Buffer.concat([
        le16(20),
        le16(flags),
        le16(method),
        le32(0),
        ...sizes,
        le16(Buffer.byteLength(called)),
        le16(0),
      ]);
    const local = Buffer.concat([le32(signatures.localFile), shared(name), Buffer.from(name), data]);
    const head = Buffer.concat([le32(signatures.centralFile), le16(20), shared(listedAs)]);
    if (entry.listed !== false)
      listed.push(Buffer.concat([head, Buffer.alloc(10), le32(offset), Buffer.from(listedAs)]));
    locals.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(listed);
  const counts = [le16(listed.length), le16(listed.length), le32(directory.length), le32(offset), le16(0)];
  return Buffer.concat([...locals, directory, le32(signatures.endOfDirectory), le32(0), ...counts]);
}
