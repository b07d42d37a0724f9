import { createHash } from 'node:crypto';
import type { Assurance, Id, RunState, TransformStage } from '@waybill/domain';
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
  /** Bytes that are at the target. */
  readonly size: number;
  /** Hex, of these bytes. */
  readonly sha256: string;
  /** Bytes of the source, where transforms changed them on the way. */
  readonly sourceSize?: number;
  /** Hex, of these bytes. */
  readonly sourceSha256?: string;
  /** What came out of each transform, in order; the last one made what is at the target. */
  readonly transforms?: readonly TransformStage[];
  readonly assurance: Assurance;
  readonly startedAt?: string;
  readonly deliveredAt: string;
  /** When the partner's acknowledgement was seen. */
  readonly acknowledgedAt?: string;
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
      deliveries: deliveries.map(({ transforms, ...line }) => ({
        ...line,
        transforms: transforms?.map((stage) => ({ ...stage })),
      })),
    }),
  );
}

/** Hex. */
export function receiptSha256(receipt: Receipt): string {
  return createHash('sha256').update(receiptBytes(receipt)).digest('hex');
}
