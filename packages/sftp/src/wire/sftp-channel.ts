import { StorageError } from '@waybill/storage';
import type { Client } from 'ssh2';
import { AnswerReader, type AnswerSink } from './answer-reader.js';
import { Answer, type Attributes, Fields, type Named, Request, string, uint32 } from './messages.js';
import { SshChannel } from './ssh-channel.js';

/** The server's STATUS for a request that it refuses. */
export class StatusError extends Error {
  override readonly name = 'StatusError';
  /** Of SFTP version 3, or a later one. */
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** Called once for each request. */
export type Receive<T> = (error: Error | undefined, value?: T) => void;

/** How the answer to a request is understood. */
interface Expected {
  readonly receive: Receive<never>;
  /** Reads an answer that is no refusal. @throws StorageError `protocol-error` if it does not fit the request */
  readonly read: (type: number, fields: Fields) => unknown;
  /** For READ. */
  readonly data?: { readonly asked: number; readonly pieces: Buffer[] };
}

/** The window that the server is granted: it bounds what one round trip carries. Memory is bounded by the READs on their way. */
const WINDOW_BYTES = 64 * 1024 * 1024;
const VERSION = 3;
const OK = 0;
const EOF = 1;

/** One SFTP session on a channel of its own: requests go out as they are made, answers come in any order. */
export class SftpChannel implements AnswerSink {
  readonly #reader = new AnswerReader(this);
  readonly #expected = new Map<number, Expected>();
  #onEnd: (error: Error) => void = () => {};
  #channel: SshChannel | undefined;
  #greeted: Receive<ReadonlyMap<string, string>> = () => {};
  #lastId = 0;
  #over: Error | undefined;
  #extensions: ReadonlyMap<string, string> = new Map();

  /** @throws what the server refused */
  static async open(client: Client): Promise<SftpChannel> {
    const sftp = new SftpChannel();
    const greeted = new Promise<ReadonlyMap<string, string>>((resolve, reject) => {
      sftp.#greeted = (error, extensions) =>
        extensions ? resolve(extensions) : reject(error ?? new Error('no greeting'));
    });
    // Until the channel stands there is nobody else to tell.
    greeted.catch(() => {});
    sftp.#channel = await SshChannel.open(
      client,
      { subsystem: 'sftp', window: WINDOW_BYTES },
      {
        data: (bytes) => sftp.#take(bytes),
        ended: (error) => sftp.#end(error ?? new Error(SESSION_ENDED)),
      },
    );
    sftp.#channel.send(uint32(5), Buffer.from([Request.init]), uint32(VERSION));
    sftp.#extensions = await greeted;
    return sftp;
  }

  private constructor() {}

  /** Told once if the channel ends, before what is outstanding fails. */
  onEnd(listener: (error: Error) => void): void {
    this.#onEnd = listener;
    if (this.#over) listener(this.#over);
  }

  /** Names and versions of the extensions that the server offers. */
  get extensions(): ReadonlyMap<string, string> {
    return this.#extensions;
  }

  close(): void {
    this.#channel?.close();
  }

  /** A request whose answer is STATUS. */
  forStatus(type: number, fields: readonly Buffer[], receive: Receive<void>): void {
    this.#request(type, fields, { receive, read: succeeded });
  }

  forHandle(type: number, fields: readonly Buffer[], receive: Receive<Buffer>): void {
    const read = (kind: number, answer: Fields) => only(Answer.handle, kind) && Buffer.from(answer.string());
    this.#request(type, fields, { receive: receive as Receive<never>, read });
  }

  forAttributes(type: number, fields: readonly Buffer[], receive: Receive<Attributes>): void {
    const read = (kind: number, answer: Fields) => only(Answer.attributes, kind) && answer.attributes();
    this.#request(type, fields, { receive: receive as Receive<never>, read });
  }

  forNames(type: number, fields: readonly Buffer[], receive: Receive<Named[]>): void {
    const read = (kind: number, answer: Fields) => only(Answer.name, kind) && answer.names();
    this.#request(type, fields, { receive: receive as Receive<never>, read });
  }

  /** An extension that answers with more than STATUS: receives what follows the id. */
  forExtended(name: string, payload: Buffer, receive: Receive<Buffer>): void {
    const read = (kind: number, answer: Fields) => only(Answer.extendedReply, kind) && answer.rest();
    this.#request(Request.extended, [string(name), payload], { receive: receive as Receive<never>, read });
  }

  /** Receives the bytes as they came, the receiver's to keep; none at the end of the file. */
  read(handle: Buffer, position: number, length: number, receive: Receive<readonly Buffer[]>): void {
    const fields = Buffer.allocUnsafe(4 + handle.length + 12);
    fields.writeUInt32BE(handle.length, 0);
    handle.copy(fields, 4);
    writePosition(fields, position, 4 + handle.length);
    fields.writeUInt32BE(length, 12 + handle.length);
    const answered: Receive<readonly Buffer[]> = (error, pieces) =>
      error instanceof StatusError && error.code === EOF ? receive(undefined, []) : receive(error, pieces);
    this.#request(Request.read, [fields], {
      receive: answered as Receive<never>,
      read: unexpected,
      data: { asked: length, pieces: [] },
    });
  }

  /** `bytes` may be used again as soon as this returns. */
  write(handle: Buffer, position: number, bytes: Buffer, receive: Receive<void>): void {
    const fields = Buffer.allocUnsafe(4 + handle.length + 12);
    fields.writeUInt32BE(handle.length, 0);
    handle.copy(fields, 4);
    writePosition(fields, position, 4 + handle.length);
    fields.writeUInt32BE(bytes.length, 12 + handle.length);
    this.#request(Request.write, [fields, bytes], { receive, read: succeeded });
  }

  // What follows is for the reader.

  asked(id: number): number | undefined {
    return this.#expected.get(id)?.data?.asked;
  }

  piece(id: number, bytes: Buffer): void {
    this.#expected.get(id)?.data?.pieces.push(bytes);
  }

  dataEnded(id: number): void {
    const { receive, data } = this.#outstanding(id);
    this.#expected.delete(id);
    (receive as Receive<readonly Buffer[]>)(undefined, data?.pieces ?? []);
  }

  answer(id: number, type: number, body: Buffer): void {
    if (type === Answer.version) {
      this.#greet(id, body);
      return;
    }
    const { receive, read } = this.#outstanding(id);
    const fields = new Fields(body);
    const refusal = type === Answer.status ? refusalIn(fields) : undefined;
    // Understood before it is taken from the list: what can't be understood fails together with all the others.
    const value = refusal ? undefined : read(type, fields);
    this.#expected.delete(id);
    (receive as Receive<unknown>)(refusal, value);
  }

  #greet(version: number, body: Buffer): void {
    if (version < VERSION)
      throw new StorageError('protocol-error', `the server speaks SFTP version ${version}; 3 is needed`);
    const fields = new Fields(body);
    const extensions = new Map<string, string>();
    while (!fields.ended) extensions.set(fields.text(), fields.text());
    this.#greeted(undefined, extensions);
  }

  #outstanding(id: number): Expected {
    const expected = this.#expected.get(id);
    if (expected === undefined)
      throw new StorageError('protocol-error', `the server answers request ${id}, which nobody made`);
    return expected;
  }

  #request(type: number, fields: readonly Buffer[], expected: Expected): void {
    if (this.#over) {
      expected.receive(this.#over);
      return;
    }
    const id = this.#nextId();
    this.#expected.set(id, expected);
    const head = Buffer.allocUnsafe(9);
    head.writeUInt32BE(
      fields.reduce((sum, field) => sum + field.length, 5),
      0,
    );
    head[4] = type;
    head.writeUInt32BE(id, 5);
    this.#channel?.send(head, ...fields);
  }

  #nextId(): number {
    do this.#lastId = (this.#lastId + 1) >>> 0;
    while (this.#expected.has(this.#lastId));
    return this.#lastId;
  }

  #take(bytes: Buffer): void {
    try {
      this.#reader.take(bytes);
    } catch (error) {
      this.#end(error as Error);
      this.close();
    }
  }

  #end(error: Error): void {
    if (this.#over) return;
    this.#over = error;
    this.#greeted(error);
    this.#onEnd(error);
    const outstanding = [...this.#expected.values()];
    this.#expected.clear();
    for (const { receive } of outstanding) receive(error);
  }
}

const SESSION_ENDED = 'connection lost: the server ended the SFTP session';

function writePosition(into: Buffer, position: number, at: number): void {
  into.writeUInt32BE(Math.floor(position / 2 ** 32), at);
  into.writeUInt32BE(position % 2 ** 32, at + 4);
}

/** @returns undefined if it is none */
function refusalIn(status: Fields): StatusError | undefined {
  const code = status.uint32();
  if (code === OK) return undefined;
  // Old servers leave the text out.
  const text = status.ended ? '' : status.text();
  return new StatusError(code, text || `status ${code}`);
}

function succeeded(type: number): void {
  if (type !== Answer.status) unexpected(type);
}

function only(wanted: number, type: number): true {
  if (type === wanted) return true;
  return unexpected(type);
}

function unexpected(type: number): never {
  throw new StorageError(
    'protocol-error',
    `the server answers with message type ${type}, which does not fit the request`,
  );
}
