import { createHash, type Hash } from 'node:crypto';
import type { ChecksumAlgorithm, TransferDefinition } from '@waybill/domain';

/** Checksums of one file's bytes, in hex. SHA-256 is always among them. */
export type Checksums = { readonly sha256: string } & { readonly [A in ChecksumAlgorithm]?: string };

/** Bytes that have passed. */
export interface HashedBytes {
  readonly bytes: number;
  readonly checksums: Checksums;
}

/** What is computed of the bytes of a file while they pass: SHA-256, and what checksum files need besides. */
export class FileHash {
  readonly #sha256 = createHash('sha256');
  readonly #others: readonly { readonly algorithm: ChecksumAlgorithm; readonly hash: Hash }[];

  constructor(algorithms: ReadonlySet<ChecksumAlgorithm>) {
    const others = [...algorithms].filter((algorithm) => algorithm !== 'sha256');
    this.#others = others.map((algorithm) => ({ algorithm, hash: createHash(algorithm) }));
  }

  update(chunk: Uint8Array): void {
    this.#sha256.update(chunk);
    for (const { hash } of this.#others) hash.update(chunk);
  }

  /** The SHA-256 so far, to be finished apart from this. */
  copy(): Hash {
    return this.#sha256.copy();
  }

  /** Ends all of them. */
  checksums(): Checksums {
    const others = this.#others.map(({ algorithm, hash }) => [algorithm, hash.digest('hex')]);
    return { ...Object.fromEntries(others), sha256: this.#sha256.digest('hex') };
  }
}

/** What the checksum files of a transfer name. */
export function checksumsWanted({ source, target }: TransferDefinition): Set<ChecksumAlgorithm> {
  const rules = [source.checksumFile, target.checksumFile].filter((rule) => rule !== undefined);
  return new Set(rules.map(({ algorithm }) => algorithm));
}
