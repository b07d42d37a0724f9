import type {
  Assurance,
  DeliveryState,
  Failure,
  Id,
  RemotePath,
  SeenAnswer,
  Transformed,
} from '@waybill/domain';

/** What is known of one file of a run, from this attempt or an earlier one. */
export interface DeliveryRecord {
  readonly id: Id;
  /** For a refused name its printable form; what can't be moved is `failed` from the start. */
  readonly sourcePath: string;
  /** Empty for what can't be moved, in no attempt: a refused name, an empty file that is an error. */
  readonly targetPath: string;
  /** As the source was when it was selected or, later, reselected. Bytes. */
  readonly size: number;
  readonly sourceModifiedAt: Date | undefined;
  readonly state: DeliveryState;
  readonly partPath: RemotePath | undefined;
  /** We made the file at `partPath`, under a name that somebody else's could have as well: what lies there is ours. */
  readonly claimed: boolean;
  /** Where the next attempt may continue: an acknowledged prefix of the part file. */
  readonly checkpoint: Checkpoint | undefined;
  /**
   * Set once the rename onto the final name, or the append to the file of that name, may have been asked for. In `moving` and `unknown`, and in any state where
   * sending again would make a second file, it means: look what became of it before doing anything again.
   */
  readonly committing: PlacedPart | undefined;
  /** Of what arrived. */
  readonly sha256: string | undefined;
  /** As in {@link WholePart}. */
  readonly checksum?: string | undefined;
  /** Answers of the partner that say nothing of the delivery, or nothing more: they lay there before, or were seen since. */
  readonly answersSeen?: readonly SeenAnswer[] | undefined;
  /** The file lies there with all that belongs beside it, and its acknowledgement is waited for. */
  readonly awaitedSince?: Date | undefined;
  readonly acknowledgedAt?: Date | undefined;
  /** All that follows the delivery was done. */
  readonly disposed: boolean;
  /** Of a failed or unknown one, and of a delivered one that the partner has not acknowledged. */
  readonly failure?: Failure | undefined;
  /** A person has decided that its content is delivered, although it was before. */
  readonly duplicateAllowed?: boolean | undefined;
}

/** All bytes of a part file: what the target holds, how that was proven, and what it was made of. */
export interface WholePart {
  readonly bytes: number;
  readonly sha256: string;
  readonly assurance: Assurance;
  /** Hex; of the same bytes, by the algorithm of the target's checksum files where that is not SHA-256. */
  readonly checksum?: string | undefined;
  /** Left out of a file that arrives as it was read. */
  readonly transformed?: Transformed | undefined;
  /** What lay under the names of the partner's answers before the final name was there; left out until that is known. */
  readonly answersSeen?: readonly SeenAnswer[] | undefined;
  /** Of one that is appended: the target's file before, all of its bytes. */
  readonly joined?: Checkpoint | undefined;
}

/** A whole part file, and the final name that it is to get or has got. */
export interface PlacedPart extends WholePart {
  /** Where the wanted name is taken, it may be another one. */
  readonly targetPath: RemotePath;
}

/** SHA-256 (hex) of the bytes that a whole was made of. */
export function sourceSha256Of({ sha256, transformed }: WholePart): string {
  return transformed?.sourceSha256 ?? sha256;
}

/** An unbroken prefix that the target has acknowledged: its length and SHA-256 (hex). */
export interface Checkpoint {
  readonly bytes: number;
  readonly sha256: string;
}

/** Another delivery of the same content to the same partner. */
export interface Twin {
  readonly runId: Id;
  readonly transferName: string;
  readonly sourcePath: string;
  readonly targetPath: string;
  /** Left out: it is about to be. */
  readonly deliveredAt?: Date | undefined;
}

export interface SelectedFile {
  readonly sourcePath: string;
  /** Empty for a file that can't be moved at all. */
  readonly targetPath: string;
  readonly size: number;
  readonly sourceModifiedAt: Date | undefined;
  /** Content that is written after its selection shows another size or time. Left out: it need not. */
  readonly steady?: boolean;
  /** Given for a file that can't be moved at all, such as one with a refused name. */
  readonly failure?: Failure;
}

/**
 * Where the engine writes down each step before and after taking it, so that the next attempt continues instead of
 * starting over. Every write is fenced: it throws `Superseded` once another attempt has taken over the run.
 */
export interface RunJournal {
  /** All deliveries of the run, in the order of their selection. */
  deliveries(): Promise<DeliveryRecord[]>;
  /** Records newly selected files (`selected`, or `failed` where `failure` is given); one that is known already keeps its record. */
  select(files: readonly SelectedFile[]): Promise<void>;
  /**
   * The move has to start over, because the source has another size or time now, or the part file is worthless: back
   * to `selected` with this size and time. Checkpoint, `committing` and what was reserved are forgotten; `partPath` and
   * `claimed` are not: they tell that there may be a part file to remove.
   */
  reselect(id: Id, file: SelectedFile): Promise<void>;
  /**
   * Bytes are about to be written, from whichever state but `delivered` and `skipped`: `committing` and what was
   * reserved are forgotten, and the checkpoint as well where `resumedFrom` is 0. `targetPath` is the name that is wanted
   * from now on.
   */
  moving(id: Id, step: { partPath: RemotePath; targetPath: RemotePath; resumedFrom: number }): Promise<void>;
  /** The file at `partPath` was made by us; or, with `false`, what lies there from now on is not ours. */
  claimed(id: Id, claimed: boolean): Promise<void>;
  checkpoint(id: Id, checkpoint: Checkpoint): Promise<void>;
  /**
   * Reserves content (SHA-256 of the source's bytes, hex) for this delivery until it ends, starts over, or its run is at
   * its end. Of any number of files that ask for the same at the same time, one gets it.
   * @returns who has delivered it to the target's partner within so many days, or has reserved it; then nothing is written
   */
  reserveContent(id: Id, content: { sha256: string; withinDays: number }): Promise<Twin | undefined>;
  /** Immediately before the rename, or before a file is extended. Also the check of the fence: throws `Superseded` if the run is no longer ours. */
  committing(id: Id, placed: PlacedPart): Promise<void>;
  /**
   * From now on the record's `targetPath` is the name that the file got. In the same step the file becomes the newest
   * entry of its path in the transfer's ledger, and nothing is claimed any more.
   */
  delivered(id: Id, placed: PlacedPart): Promise<void>;
  /** Immediately before a source is claimed or given back: throws `Superseded` if the run is no longer ours. */
  claiming(): Promise<void>;
  /** The partner's acknowledgement is waited for from now on; a delivery that waits already keeps its time. */
  awaiting(id: Id, since: Date): Promise<void>;
  acknowledged(id: Id, answersSeen: readonly SeenAnswer[]): Promise<void>;
  /** It stays delivered, but is not waited for any more. */
  unacknowledged(id: Id, failure: Failure, answersSeen: readonly SeenAnswer[]): Promise<void>;
  /**
   * Immediately before the checksum file gets its name, and before the partner's answer is removed or the source removed
   * or archived: throws `Superseded` if the run is no longer ours.
   */
  disposing(id: Id): Promise<void>;
  /** All that follows the delivery was done. */
  disposed(id: Id): Promise<void>;
  skipped(id: Id, reason: string): Promise<void>;
  /** Skipped, and its entry in the transfer's ledger gets the time that the file has now, in the same step. */
  skippedAsSeen(id: Id, reason: string): Promise<void>;
  /** `unknown` where it can't be told whether the file arrived. */
  failed(id: Id, failure: Failure, state: 'failed' | 'unknown'): Promise<void>;
}

/** Another attempt has taken over the run, or it was taken from this worker: stop at once, touch nothing. */
export class Superseded extends Error {
  override readonly name = 'Superseded';
}
