import { createHash } from 'node:crypto';
import type { Assurance, Id, RunState } from '@waybill/domain';
import { canonicalJson } from './canonical.js';

/** The record of what a run delivered: the waybill itself. */
export interface Receipt {
  readonly format: 'waybill receipt v1';
  readonly run: {
    readonly id: Id;
    readonly state: RunState;
    readonly createdAt: string;
    readonly startedAt?: string;
    readonly finishedAt?: string;
  };
  readonly transfer: { readonly id: Id; readonly name: string; readonly version: number };
  readonly source: ReceiptPlace;
  readonly target: ReceiptPlace;
  /** Delivered files in the order of their selection. */
  readonly deliveries: readonly ReceiptLine[];
}

export interface ReceiptPlace {
  readonly endpointId: Id;
  readonly endpoint: string;
  readonly directory: string;
}

export interface ReceiptLine {
  readonly sourcePath: string;
  readonly targetPath: string;
  /** Bytes. */
  readonly size: number;
  /** Hex, of the bytes that were moved. */
  readonly sha256: string;
  readonly assurance: Assurance;
  readonly startedAt?: string;
  readonly deliveredAt: string;
}

/** The bytes that are hashed and signed: canonical JSON (RFC 8785) in UTF-8. */
export function receiptBytes(receipt: Receipt): Buffer {
  const { format, run, transfer, source, target, deliveries } = receipt;
  return Buffer.from(
    canonicalJson({
      format,
      run: { ...run },
      transfer: { ...transfer },
      source: { ...source },
      target: { ...target },
      deliveries: deliveries.map((line) => ({ ...line })),
    }),
  );
}

/** Hex. */
export function receiptSha256(receipt: Receipt): string {
  return createHash('sha256').update(receiptBytes(receipt)).digest('hex');
}
