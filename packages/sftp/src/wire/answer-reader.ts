import { StorageError } from '@waybill/storage';
import { Answer } from './messages.js';

/** Where answers go. What it throws ends the reading. */
export interface AnswerSink {
  /** Bytes that the READ `id` asked for; undefined if no such READ is on its way. */
  asked(id: number): number | undefined;
  /** Some of the bytes that answer the READ `id`, in order, the receiver's to keep. */
  piece(id: number, bytes: Buffer): void;
  /** The pieces of READ `id` are complete. */
  dataEnded(id: number): void;
  /** Every other answer: what follows its type and id. For `Answer.version` the id is the version. */
  answer(id: number, type: number, body: Buffer): void;
}

/** The largest answer but DATA, in bytes. OpenSSH and dropbear send 256 KiB at most (`SFTP_MAX_MSG_LENGTH`). */
export const MAX_ANSWER_BYTES = 256 * 1024;

/** Length, type, id, and for DATA the number of bytes. */
const HEADER = 9;
const DATA_HEADER = 13;

/**
 * Cuts what an SFTP server sends into answers. The bytes of DATA are passed on as they come, never put together;
 * memory is bounded by what a READ asked for and by `MAX_ANSWER_BYTES`.
 */
export class AnswerReader {
  readonly #sink: AnswerSink;
  readonly #header = Buffer.alloc(DATA_HEADER);
  #headerBytes = 0;
  /** Of the DATA that is being received. */
  #dataId = 0;
  #dataLeft = 0;
  /** Other answers that came in parts. */
  #body: Buffer | undefined;
  #bodyBytes = 0;

  constructor(sink: AnswerSink) {
    this.#sink = sink;
  }

  /** @throws StorageError `protocol-error`; nothing more can be read then */
  take(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#dataLeft > 0) at = this.#takeData(bytes, at);
      else if (this.#body) at = this.#takeBody(bytes, at, this.#body);
      else at = this.#takeHeader(bytes, at);
    }
  }

  #takeHeader(bytes: Buffer, from: number): number {
    const wanted = this.#headerBytes < HEADER ? HEADER : DATA_HEADER;
    const taken = bytes.copy(this.#header, this.#headerBytes, from, from + wanted - this.#headerBytes);
    this.#headerBytes += taken;
    if (this.#headerBytes === HEADER && this.#header[4] !== Answer.data) this.#beginBody();
    else if (this.#headerBytes === DATA_HEADER) this.#beginData();
    return from + taken;
  }

  #beginBody(): void {
    const length = this.#header.readUInt32BE(0) - 5;
    if (length < 0 || length > MAX_ANSWER_BYTES)
      throw malformed(
        `an answer of ${length + 5} bytes, at least 5 and at most ${MAX_ANSWER_BYTES} are taken`,
      );
    if (length === 0) this.#passOn(EMPTY);
    else this.#body = Buffer.allocUnsafeSlow(length);
  }

  #beginData(): void {
    const id = this.#header.readUInt32BE(5);
    const length = this.#header.readUInt32BE(9);
    const asked = this.#sink.asked(id);
    if (asked === undefined) throw malformed(`data for request ${id}, which asked for none`);
    if (length > asked) throw malformed(`${length} bytes came, ${asked} were asked for`);
    if (this.#header.readUInt32BE(0) !== length + HEADER)
      throw malformed(`an answer of ${this.#header.readUInt32BE(0)} bytes with ${length} bytes of data`);
    this.#headerBytes = 0;
    this.#dataId = id;
    this.#dataLeft = length;
    if (length === 0) this.#sink.dataEnded(id);
  }

  #takeData(bytes: Buffer, from: number): number {
    const end = Math.min(bytes.length, from + this.#dataLeft);
    this.#dataLeft -= end - from;
    this.#sink.piece(this.#dataId, bytes.subarray(from, end));
    if (this.#dataLeft === 0) this.#sink.dataEnded(this.#dataId);
    return end;
  }

  #takeBody(bytes: Buffer, from: number, body: Buffer): number {
    const taken = bytes.copy(body, this.#bodyBytes, from);
    this.#bodyBytes += taken;
    if (this.#bodyBytes === body.length) {
      this.#body = undefined;
      this.#bodyBytes = 0;
      this.#passOn(body);
    }
    return from + taken;
  }

  #passOn(body: Buffer): void {
    this.#headerBytes = 0;
    this.#sink.answer(this.#header.readUInt32BE(5), this.#header[4] as number, body);
  }
}

function malformed(what: string): StorageError {
  return new StorageError('protocol-error', `the server breaks the SFTP protocol: ${what}`);
}

const EMPTY = Buffer.alloc(0);
